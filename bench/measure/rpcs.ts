/** The number of calls of a method that a process served or made, and their mean duration. */
export type RpcTime = {
  readonly process: string;
  readonly side: "server" | "client";
  readonly method: string;
  readonly calls: number;
  readonly meanMs: number;
};

/** Sums and counts of the calls of some processes at one time, by process, side and method. */
export type RpcSample = ReadonlyMap<string, { readonly seconds: number; readonly calls: number }>;

/** Scrapes the metrics of these processes, given by name and `host:port`. */
export async function sampleRpcs(addresses: Readonly<Record<string, string>>): Promise<RpcSample> {
  const texts = await Promise.all(
    Object.entries(addresses).map(async ([name, address]) => {
      const answer = await fetch(`http://${address}/metrics`);
      return [name, await answer.text()] as const;
    }),
  );
  const sample = new Map<string, { seconds: number; calls: number }>();
  for (const [name, text] of texts) {
    for (const [, side, what, labels = "", value] of text.matchAll(linePattern)) {
      const method = /method="([^"]+)"/.exec(labels)?.[1] ?? "";
      const key = `${name} ${side} ${method}`;
      const known = sample.get(key) ?? { seconds: 0, calls: 0 };
      known[what === "sum" ? "seconds" : "calls"] += Number(value);
      sample.set(key, known);
    }
  }
  return sample;
}

const linePattern = /^rpc_(server|client)_duration_seconds_(sum|count)\{([^}]*)\} (\S+)$/gm;

/** Returns the calls between two samples, longest total time first. */
export function rpcsBetween(before: RpcSample, after: RpcSample): RpcTime[] {
  return [...after]
    .flatMap(([key, { seconds, calls }]) => {
      const [process = "", side, method = ""] = key.split(" ");
      const count = calls - (before.get(key)?.calls ?? 0);
      const ms = (seconds - (before.get(key)?.seconds ?? 0)) * 1_000;
      const where = { process, side: side === "server" ? ("server" as const) : ("client" as const), method };
      return count === 0 ? [] : [{ ...where, calls: count, meanMs: ms / count }];
    })
    .sort((a, b) => b.calls * b.meanMs - a.calls * a.meanMs);
}
