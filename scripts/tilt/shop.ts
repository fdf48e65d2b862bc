import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openNamespace } from "../kubernetes/namespace.ts";
import { openShop, type Shop } from "../kubernetes/shop.ts";
import { run } from "../program.ts";
import { loopback } from "../stack/ports.ts";
import { portsFromEnvironment } from "../stack/services.ts";

export type TiltShop = AsyncDisposable & {
  readonly shop: Shop;
  /** The forwarded addresses: `host:port` by name. */
  readonly addresses: Readonly<Record<string, string>>;
};

/**
 * Returns the shop that Tilt runs, in SAGACART_NAMESPACE. Always uses the cluster of SAGACART_CONTEXT, even if the
 * current context has changed since.
 */
export async function tiltShop(env: NodeJS.ProcessEnv = process.env): Promise<TiltShop> {
  const { SAGACART_CONTEXT: context, SAGACART_NAMESPACE: namespace } = env;
  if (context === undefined || namespace === undefined) {
    throw new Error("SAGACART_CONTEXT and SAGACART_NAMESPACE are not set; Tilt's buttons set them.");
  }
  const directory = await mkdtemp(join(tmpdir(), "sagacart-tilt-"));
  const kubeconfig = join(directory, "kubeconfig");
  const minified = await run("kubectl", ["config", "view", "--minify", "--flatten", `--context=${context}`], { env });
  await writeFile(kubeconfig, minified, { mode: 0o600 });
  const cluster = { what: `context ${context}`, env: { ...env, KUBECONFIG: kubeconfig } };
  const ports = portsFromEnvironment(env);
  return {
    shop: openShop(openNamespace(cluster, namespace), "sagacart"),
    addresses: Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, `${loopback}:${port}`])),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}
