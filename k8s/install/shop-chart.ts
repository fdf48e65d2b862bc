import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Context } from "./context.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The chart of the shop and its values, as arguments of helm, and helm's standard input. */
export type ShopChart = { readonly args: readonly string[]; readonly input: string };

/**
 * Returns the chart of the shop with its values: first those of the profile, then what the installer knows of this
 * installation, among it the values `known`, then the owner's, which are the last word.
 */
export async function shopChart(
  { cluster, options }: Pick<Context, "options"> & { readonly cluster: Pick<Context["cluster"], "find"> },
  known: Readonly<Record<string, unknown>> = {},
): Promise<ShopChart> {
  // The client certificate of the Temporal that the step `temporal` installs in production. Another Temporal is in the
  // owner's values.
  const temporalIsOurs = (await cluster.find("secret", "temporal-client-tls", options.namespace)) !== undefined;
  const set = [
    ...options.set,
    ...(options.isTemporalNamespaceGiven ? [`temporal.namespace=${options.temporalNamespace}`] : []),
  ];
  return {
    args: [
      ...[`${root}charts/sagacart`, "-f", `${root}k8s/profiles/${options.profile}.yaml`, "-f", "-"],
      ...(temporalIsOurs ? ["-f", `${root}k8s/temporal/shop-values-prod.yaml`] : []),
      ...options.values.flatMap((file) => ["-f", resolve(file)]),
      ...set.flatMap((value) => ["--set", value]),
    ],
    input: JSON.stringify({ ...known, temporal: { namespace: options.temporalNamespace } }),
  };
}
