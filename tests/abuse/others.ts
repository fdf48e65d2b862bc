import { readFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { setTimeout } from "node:timers/promises";

/** The measurements of another caller while an attack was under way. */
export type Measured = {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** Answers of 500 and above, and requests without an answer. */
  readonly failures: number;
  /** The most memory of the gateway, in MiB. */
  readonly mostMemoryMiB: number;
};

export type OthersOptions = {
  readonly host: string;
  readonly port: number;
  /** The address of the other callers. */
  readonly from: string;
  readonly authorization: string;
  readonly paths: readonly string[];
  readonly gatewayPid: number;
};

/** Sends requests at a steady rate, as a shop's other customers do, until the signal aborts. */
export async function measureOthers(options: OthersOptions, signal: AbortSignal): Promise<Measured> {
  const agent = new Agent({ keepAlive: true, maxSockets: 20, localAddress: options.from });
  const took: number[] = [];
  const under: Promise<void>[] = [];
  let failures = 0;
  let mostMemoryMiB = 0;
  for (let turn = 0; !signal.aborted; turn++) {
    const began = performance.now();
    const path = options.paths[turn % options.paths.length] ?? "/";
    under.push(
      statusOf({ ...options, agent, path }).then((status) => {
        took.push(performance.now() - began);
        failures += status === undefined || status >= 500 ? 1 : 0;
      }),
    );
    mostMemoryMiB = Math.max(mostMemoryMiB, await memoryMiB(options.gatewayPid));
    await setTimeout(25);
  }
  await Promise.all(under);
  agent.destroy();
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { requests: took.length, p50Ms: at(0.5), p99Ms: at(0.99), worstMs: at(1), failures, mostMemoryMiB };
}

/** Returns the status of a request; undefined without an answer within 30 s. */
function statusOf({
  host,
  port,
  agent,
  path,
  authorization,
}: Pick<OthersOptions, "host" | "port" | "authorization"> & { agent: Agent; path: string }): Promise<
  number | undefined
> {
  return new Promise((resolve) => {
    const sent = request({ host, port, agent, path, headers: { authorization }, timeout: 30_000 }, (response) => {
      response.resume();
      response.on("close", () => resolve(response.statusCode));
    });
    sent.on("timeout", () => sent.destroy());
    sent.on("error", () => resolve(undefined));
    sent.end();
  });
}

/** Reads the resident memory of a process. */
async function memoryMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024);
}
