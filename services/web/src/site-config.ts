/** What the gateway tells its pages, at /shop/config.json. */
export type SiteConfig = {
  /** The issuer of OpenID Connect; without one nobody can sign in here. */
  readonly issuer?: string;
  /** The id of this page as a client of the issuer. */
  readonly clientId: string;
  /** True where the card provider and the carrier are simulated, and test payment methods work. */
  readonly simulatedProviders: boolean;
  /** Where Temporal's own pages are, for operators. */
  readonly temporalUrl?: string;
};

/** Reads the configuration of this installation. Throws if it cannot be had. */
export async function readSiteConfig(): Promise<SiteConfig> {
  const answer = await fetch("/shop/config.json");
  if (!answer.ok) {
    throw new Error(`/shop/config.json answered ${answer.status}`);
  }
  return await answer.json();
}

/**
 * Goes to the same page on the issuer's host where both are this machine, as 127.0.0.1 and localhost are. A browser keeps
 * sign-ins and carts apart for each host. Returns true if the page is being left.
 */
export function moveToIssuersHost({ issuer }: SiteConfig, at: Location = location): boolean {
  if (issuer === undefined || !URL.canParse(issuer)) {
    return false;
  }
  const { hostname, port, origin } = new URL(issuer);
  if (origin === at.origin || port !== at.port || !isLoopback(hostname) || !isLoopback(at.hostname)) {
    return false;
  }
  at.replace(`${origin}${at.pathname}${at.search}${at.hash}`);
  return true;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
}
