import { caFor } from "../tls/trust.ts";

/**
 * Calls fetch() as all of the shop's outgoing requests do: a redirect is an error, since it would take a token, a key or
 * personal data to a host that nobody configured; and the server's certificate must be of the cluster's CA for a host inside
 * of the cluster, and of a public one for all others. Rejects like fetch().
 */
export async function strictFetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
  const options: RequestInit = { ...init, redirect: "error" };
  if (caFor(new URL(url).hostname) !== undefined) {
    // Loaded only where there is a CA of the cluster.
    const { insideAgent } = await import("./inside-agent.ts");
    options.dispatcher = insideAgent();
  }
  // biome-ignore lint/style/noRestrictedGlobals: the one place.
  return await fetch(url, options);
}
