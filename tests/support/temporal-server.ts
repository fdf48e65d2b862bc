import { spawn } from "node:child_process";
import { once } from "node:events";
import { freePort, loopback } from "../../scripts/stack/ports.ts";
import { addSearchAttribute, checkTemporal } from "../../scripts/stack/temporal.ts";
import { findTemporal } from "../../scripts/stack/temporal-program.ts";

export type TemporalServer = AsyncDisposable & { readonly address: string };

/**
 * Starts only Temporal's dev server, in memory; resolves when it is ready. Without the search attribute it is always a server of
 * its own.
 */
export async function spawnTemporal(cache: string, { hasAttribute = true } = {}): Promise<TemporalServer> {
  const env = hasAttribute ? process.env : { ...process.env, TEMPORAL_ADDRESS: undefined };
  const found = await findTemporal({ env, cache, log: () => {} });
  if (found.kind === "server") {
    return { address: found.address, async [Symbol.asyncDispose]() {} };
  }
  const port = await freePort();
  const args = ["server", "start-dev", "--headless", "--ip", loopback, "--port", `${port}`, "--log-level", "error"];
  const child = spawn(found.path, args, { stdio: "ignore" });
  const address = `${loopback}:${port}`;
  const ended = once(child, "exit").then(() => Promise.reject(new Error("Temporal's dev server has ended")));
  ended.catch(() => {});
  await Promise.race([ended, checkTemporal(address, "default")]);
  const failure = hasAttribute ? await addSearchAttribute(address, "default", AbortSignal.timeout(10_000)) : undefined;
  if (failure !== undefined) {
    throw new Error(`Temporal's search attribute cannot be added: ${failure}`);
  }
  return {
    address,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended.catch(() => {});
    },
  };
}
