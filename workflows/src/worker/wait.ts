import { connect } from "node:net";
import { setTimeout } from "node:timers/promises";

export type Address = { readonly host: string; readonly port: number };

/**
 * Resolves when all addresses accept connections. Calls `say` when the list of missing ones changes. Throws an error
 * that names them after `limitMs`. In Kubernetes, the name of a headless Service resolves only while one of its pods is
 * ready.
 */
export async function waitForAll(
  addresses: readonly Address[],
  { limitMs, say }: { limitMs: number; say: (line: string) => void },
): Promise<void> {
  const end = Date.now() + limitMs;
  let said = "";
  for (;;) {
    const accepts = await Promise.all(addresses.map(acceptsConnections));
    const missing = addresses.filter((_, index) => !accepts[index]).map(({ host, port }) => `${host}:${port}`);
    if (missing.length === 0) {
      return;
    }
    const line = missing.join(", ");
    if (Date.now() >= end) {
      throw new Error(`${line} accepted no connection within ${limitMs} ms`);
    }
    if (line !== said) {
      say(`waiting for ${line}`);
      said = line;
    }
    await setTimeout(Math.min(500, Math.max(1, end - Date.now())));
  }
}

/** Parses `host:port`, `dns:///host:port`, several of these with commas (the first counts), or a URL. */
export function addressOf(value: string): Address {
  const [first = ""] = value.replace(/^dns:\/\/\//, "").split(",");
  const url = new URL(first.includes("://") ? first : `tcp://${first}`);
  return { host: url.hostname, port: Number(url.port) || (url.protocol === "https:" ? 443 : 80) };
}

function acceptsConnections({ host, port }: Address): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, timeout: 2_000 });
  const settle = (accepted: boolean) => {
    socket.destroy();
    resolve(accepted);
  };
  socket.once("connect", () => settle(true));
  socket.once("error", () => settle(false));
  socket.once("timeout", () => settle(false));
  return promise;
}
