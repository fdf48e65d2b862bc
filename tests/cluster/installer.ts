import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Namespace } from "../../scripts/kubernetes/namespace.ts";
import { run } from "../../scripts/program.ts";
import { deployedNames } from "../../scripts/shop.ts";

/** Values of Helm, by name. */
export type Values = Readonly<Record<string, unknown>>;

const smallRequests = { resources: { requests: { cpu: "10m" } } };

/**
 * One pod of each, and a worker whose number of pods is ours: what a scenario needs besides, it says. Requests are small,
 * so that two pods of each, and one more during an update, fit on a node of two cores.
 */
const baseValues: Values = {
  ...Object.fromEntries(deployedNames.map((part) => [part, smallRequests])),
  worker: { autoscaling: { enabled: false }, replicas: 1, ...smallRequests },
  databases: { cluster: smallRequests },
};

export type Install = (
  changes?: Values,
  how?: {
    /** `all`, or those of the installer. */
    readonly steps?: string;
    readonly tag?: string;
    /** Another folder with charts/ and k8s/. */
    readonly chartsFrom?: string;
  },
) => Promise<void>;

/** Installs or changes the shop by `npm run cluster:install`, with values on top of the ci profile's; all of it the first time. */
export function createInstaller(options: {
  readonly namespace: Namespace;
  readonly release: string;
  /** How Temporal is installed. */
  readonly temporal: "chart" | "small";
  readonly tag: string;
  /** On top of the profile's, whatever a scenario changes. */
  readonly values: Values;
  readonly cloneFolder: string;
  readonly say: (line: string) => void;
}): Install {
  const { namespace, release, temporal, cloneFolder, say } = options;
  return async (changes = {}, { steps = "secrets,shop", tag = options.tag, chartsFrom = cloneFolder } = {}) => {
    const folder = await mkdtemp(join(tmpdir(), "sagacart-values-"));
    try {
      const file = join(folder, "values.json");
      const image = { global: { image: { tag, pullPolicy: "IfNotPresent" } } };
      await writeFile(file, JSON.stringify([image, options.values, changes].reduce(mergeValues, baseValues)));
      const only = steps === "all" ? [] : ["--only", steps];
      const args = [
        ...["--profile", "ci", "--namespace", namespace.name, "--release", release],
        ...["--temporal", temporal, "--values", file, ...only],
      ];
      await run(process.execPath, [join(chartsFrom, "k8s/install.ts"), ...args], {
        env: namespace.cluster.env,
        cwd: chartsFrom,
        timeoutMs: 1_800_000,
        onLine: say,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  };
}

/** Both, the second over the first, map by map; lists are taken whole, as Helm does. */
export function mergeValues(below: Values, above: Values): Values {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const before = merged[key];
    merged[key] = isMap(before) && isMap(value) ? mergeValues(before, value) : value;
  }
  return merged;
}

function isMap(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
