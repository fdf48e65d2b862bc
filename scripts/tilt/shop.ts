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
  /** `host:port` by name: what Tilt forwards. */
  readonly addresses: Readonly<Record<string, string>>;
};

/**
 * The shop that Tilt runs: in SAGACART_NAMESPACE, of the cluster of SAGACART_CONTEXT and of no other one, even where the
 * current context has become another one since.
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
