/** The settings that the gateway gives its pages, at /shop/config.json. */
export type SiteConfig = {
  /** The issuer of OpenID Connect; without one nobody can sign in here. */
  readonly issuer?: string;
  /** The id of this page as a client of the issuer. */
  readonly clientId: string;
  /** True where the card provider and the carrier are simulated, and test payment methods work. */
  readonly simulatedProviders: boolean;
  /** The origins, besides this one, whose pictures of products the policy of these pages allows. */
  readonly pictureOrigins?: readonly string[];
  /** Where Temporal's own pages are, for operators. */
  readonly temporalUrl?: string;
  /** True on a laptop, where the launcher can be called. */
  readonly launcher?: boolean;
  /** Where the security log can be read, for operators. */
  readonly securityLogUrl?: string;
  /** The audit's CronJob in a cluster, as `namespace/name`. */
  readonly auditCronJob?: string;
  /** Where operators see a trace, with `{traceId}` in place of its id. */
  readonly traceUrl?: string;
  /** True where the gateway has the last traces, for the console to show. */
  readonly keepsTraces?: true;
  /** The share of clicks to trace, from 0 to 1; absent where nothing is traced. */
  readonly traceRatio?: number;
};

/** Reads the configuration of this installation, in a few tries. Throws if it cannot be had. */
export async function readSiteConfig(
  fetchIt: typeof fetch = fetch,
  pausesMs: readonly number[] = [500, 1_000, 2_000],
): Promise<SiteConfig> {
  try {
    const answer = await fetchIt("/shop/config.json", { signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) {
      throw new Error(`/shop/config.json answered ${answer.status}`);
    }
    return await answer.json();
  } catch (error) {
    const [pauseMs, ...more] = pausesMs;
    if (pauseMs === undefined) {
      throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    return await readSiteConfig(fetchIt, more);
  }
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
