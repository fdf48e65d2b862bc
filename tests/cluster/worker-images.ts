import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleWithSourceMap } from "@temporalio/worker";
import { cloneFolder } from "../../scripts/clone.ts";
import { findBuilder } from "../../scripts/images/builders.ts";
import { loadIntoKind } from "./clusters.ts";

/** A change of the worker's sources: in this file of workflows/src, `from` is replaced by `to`. */
export type Change = { readonly file: string; readonly from: string; readonly to: string };

/**
 * Adds an activity and timers before all others, so that this code cannot replay a workflow that today's code began.
 */
export const otherWorkflowCode: readonly Change[] = [
  {
    file: "sagas/checkout.ts",
    from: "      let going = orderIds;",
    to: "      await sleep(20);\n      let going = orderIds;",
  },
  {
    file: "sagas/checkout.ts",
    from: "  setHandler,\n  TemporalFailure,",
    to: "  setHandler,\n  sleep,\n  TemporalFailure,",
  },
  {
    file: "sagas/order.ts",
    from: "      isAwake = false;\n      const view",
    to: '      isAwake = false;\n      await sleep(20);\n      await retrying("look", (steps) => steps.look({ workflowId, orderId }));\n      const view',
  },
  { file: "sagas/order.ts", from: "setHandler, workflowInfo }", to: "setHandler, sleep, workflowInfo }" },
];

/** Makes the charge step fail. */
export const brokenCharge: readonly Change[] = [
  {
    file: "activities/charge.ts",
    from: "  const { services, cache } = context;\n  const orders = await cache.recall",
    to: '  const { services, cache } = context;\n  if (input.orderIds.length > 0) throw new Error("the charge step is broken");\n  const orders = await cache.recall',
  },
];

/**
 * Builds an image of the worker with these changes on top of another image, and loads it into the cluster, unless
 * `isBuilt`. Returns the bundle of its workflows.
 */
export async function buildWorker(
  env: NodeJS.ProcessEnv,
  image: {
    readonly name: string;
    readonly base: string;
    readonly changes: readonly Change[];
    readonly isBuilt: boolean;
  },
): Promise<WorkflowBundleWithSourceMap> {
  const folder = await mkdtemp(join(tmpdir(), "sagacart-worker-"));
  try {
    const source = join(folder, "src");
    await mkdir(source);
    await cp(join(cloneFolder, "workflows/src"), source, { recursive: true });
    for (const { file, from, to } of image.changes) {
      const text = await readFile(join(source, file), "utf8");
      if (!text.includes(from)) throw new Error(`workflows/src/${file} no longer has the text to change: ${from}`);
      await writeFile(join(source, file), text.replace(from, to));
    }
    const bundle = await bundleWorkflowCode({
      workflowsPath: join(source, "sagas/workflows.ts"),
      workflowInterceptorModules: [join(source, "trace/workflow-interceptors.ts")],
      logger: new DefaultLogger("WARN"),
      // Packages come from the clone.
      webpackConfigHook: (config) => ({
        ...config,
        resolve: { ...config.resolve, modules: [join(cloneFolder, "node_modules"), "node_modules"] },
      }),
    });
    if (image.isBuilt) return bundle;
    await writeFile(join(folder, "workflow-bundle.js"), bundle.code);
    const lines = [
      `FROM ${image.base}`,
      "COPY --chown=0:0 --chmod=644 workflow-bundle.js /app/workflow-bundle.js",
      ...image.changes.map(({ file }) => `COPY --chown=0:0 --chmod=644 src/${file} /app/workflows/src/${file}`),
    ];
    await writeFile(join(folder, "Dockerfile"), `${[...new Set(lines)].join("\n")}\n`);
    const builder = await findBuilder(env.IMAGE_BUILDER ?? "docker", env);
    await builder.build({ name: image.name, folder, dockerfile: join(folder, "Dockerfile") });
    if (builder.cluster === undefined) await loadIntoKind([image.name], env);
    return bundle;
  } finally {
    await rm(folder, { recursive: true });
  }
}
