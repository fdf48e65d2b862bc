import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditShop } from "../kubernetes/audit.ts";
import { tiltShop } from "../tilt/shop.ts";
import { until } from "../until.ts";
import type { Target } from "./target.ts";

/** Returns the shop that Tilt runs in a cluster, reached over Tilt's forwarded ports. */
export async function clusterTarget(say: (line: string) => void): Promise<Target> {
  const tilt = await tiltShop();
  const { shop } = tilt;
  say(`Using the shop in the namespace ${shop.namespace.name}.`);
  return {
    stateDirectory: await mkdtemp(join(tmpdir(), "sagacart-demo-")),
    addresses: tilt.addresses,
    isTemporary: false,
    async audit(say) {
      try {
        say(await auditShop(shop));
        return true;
      } catch (error) {
        say(error instanceof Error ? error.message : String(error));
        return false;
      }
    },
    async replaceWorker() {
      const [pod] = await shop.pods("worker");
      const killed: string = pod?.metadata.name ?? "no worker";
      await shop.namespace.kubectl(["delete", "pod", killed, "--force", "--grace-period=0"]);
      const started = await until("another worker", async () => {
        const pods = await shop.pods("worker");
        return pods.find(({ metadata }) => metadata.name !== killed)?.metadata.name;
      });
      return { killed, started };
    },
    [Symbol.asyncDispose]: () => tilt[Symbol.asyncDispose](),
  };
}
