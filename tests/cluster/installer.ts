import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Namespace } from "../../scripts/kubernetes/namespace.ts";
import { run } from "../../scripts/program.ts";
import { deployedNames } from "../../scripts/shop.ts";

/** Helm values by name. */
export type Values = Readonly<Record<string, unknown>>;

const smallRequests = { resources: { requests: { cpu: "10m" } } };

/**
 * One pod of each part, and a worker without autoscaling; scenarios override this. Requests are small, so that two pods of
 * each part, and one more during an update, fit on a node with two cores.
 */
const baseValues: Values = {
  ...Object.fromEntries(deployedNames.map((part) => [part, smallRequests])),
  worker: { autoscaling: { enabled: false }, replicas: 1, ...smallRequests },
  databases: { cluster: smallRequests },
};

/** Returns all values on top of the profile's: those of every scenario, of this run, and of this installation. */
export function valuesOf(tag: string, ofRun: Values, changes: Values): Values {
  const image = { global: { image: { tag, pullPolicy: "IfNotPresent" } } };
  return [image, ofRun, changes].reduce(mergeValues, baseValues);
}

export type Install = (
  changes?: Values,
  how?: {
    /** The installer's steps: `all`, or a list. */
    readonly steps?: string;
    readonly tag?: string;
    /** The folder with charts/ and k8s/; this clone by default. */
    readonly chartsFrom?: string;
  },
) => Promise<void>;

/** Returns a function that installs or upgrades the shop with k8s/install.ts, with values on top of the ci profile's. */
export function createInstaller(options: {
  readonly namespace: Namespace;
  readonly release: string;
  /** The installation of Temporal: its chart, or one small process. */
  readonly temporal: "chart" | "small";
  readonly tag: string;
  /** Values on top of the profile's, in every scenario. */
  readonly values: Values;
  readonly cloneFolder: string;
  readonly say: (line: string) => void;
}): Install {
  const { namespace, release, temporal, cloneFolder, say } = options;
  return async (changes = {}, { steps = "secrets,shop", tag = options.tag, chartsFrom = cloneFolder } = {}) => {
    const folder = await mkdtemp(join(tmpdir(), "sagacart-values-"));
    try {
      const file = join(folder, "values.json");
      await writeFile(file, JSON.stringify(valuesOf(tag, options.values, changes)));
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

/** Merges the second values into the first as Helm does: maps recursively, lists as a whole. */
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
