import { connect } from "node:net";
import { setTimeout } from "node:timers/promises";

export type Address = { readonly host: string; readonly port: number };

/**
 * Resolves when somebody takes connections at each of the addresses, and tells `say` of those that are missing when
 * that changes. Throws an error that names them after `limitMs`. In Kubernetes, the name of a headless Service has an
 * address only while one of its pods is ready.
 */
export async function waitForAll(
  addresses: readonly Address[],
  { limitMs, say }: { limitMs: number; say: (line: string) => void },
): Promise<void> {
  const end = Date.now() + limitMs;
  let told = "";
  for (;;) {
    const there = await Promise.all(addresses.map(takesConnections));
    const missing = addresses.filter((_, index) => !there[index]).map(({ host, port }) => `${host}:${port}`);
    if (missing.length === 0) {
      return;
    }
    const line = missing.join(", ");
    if (Date.now() >= end) {
      throw new Error(`nobody takes connections at ${line} after ${limitMs} ms`);
    }
    if (line !== told) {
      say(`waiting for ${line}`);
      told = line;
    }
    await setTimeout(Math.min(500, Math.max(1, end - Date.now())));
  }
}

/** Where a variable points: `host:port`, `dns:///host:port`, several with commas, or a URL. Of several, the first. */
export function addressOf(value: string): Address {
  const [first = ""] = value.replace(/^dns:\/\/\//, "").split(",");
  const url = new URL(first.includes("://") ? first : `tcp://${first}`);
  return { host: url.hostname, port: Number(url.port) || (url.protocol === "https:" ? 443 : 80) };
}

function takesConnections({ host, port }: Address): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, timeout: 2_000 });
  const answer = (taken: boolean) => {
    socket.destroy();
    resolve(taken);
  };
  socket.once("connect", () => answer(true));
  socket.once("error", () => answer(false));
  socket.once("timeout", () => answer(false));
  return promise;
}
