import { buildConnector } from "undici";
import { caFor } from "./trust.ts";

/**
 * Returns a connector for an Agent of undici that trusts the cluster's CA alone for hosts inside of it, and the public CAs
 * for all others. A renewed CA counts for new connections.
 */
export function createConnector(options: buildConnector.BuildOptions = {}): buildConnector.connector {
  const outside = buildConnector(options);
  let inside: { readonly ca: string; readonly connect: buildConnector.connector } | undefined;
  return (target, callback) => {
    const ca = caFor(target.hostname);
    if (ca === undefined) {
      outside(target, callback);
      return;
    }
    if (inside?.ca !== ca) {
      inside = { ca, connect: buildConnector({ ...options, ca }) };
    }
    inside.connect(target, callback);
  };
}
