import { lastLine } from "./cluster.ts";
import type { Context } from "./context.ts";

/** Waits until the API server serves these CRDs, which takes a moment after they are created. */
export async function crdsEstablished({ cluster, progress }: Context, crds: readonly string[]): Promise<void> {
  await progress.wait({
    what: `the API server to serve ${crds.join(", ")}`,
    limitSeconds: 120,
    async check() {
      const found = await Promise.all(crds.map((name) => cluster.find("crd", name)));
      const missing = crds.filter((_, index) => condition(found[index], "Established") !== "True");
      return missing.length === 0 ? undefined : `${missing.join(", ")} not established`;
    },
  });
}

/**
 * Waits until the webhook for an object answers, with a dry run: operators are reported as ready seconds before their
 * webhooks can be reached. A refusal of the object by the webhook counts as an answer.
 */
export async function webhookAnswers({ cluster, progress }: Context, what: string, object: object): Promise<void> {
  await progress.wait({
    what: `an answer of ${what}'s webhook`,
    limitSeconds: 180,
    async check() {
      const asked = await cluster.tryKubectl(["create", "--dry-run=server", "-f", "-"], JSON.stringify(object));
      const silent = /failed calling webhook|connection refused|no endpoints available|x509|no matches for kind/;
      return asked.ok || !silent.test(asked.stderr) ? undefined : lastLine(asked.stderr);
    },
  });
}

/** Waits until all pods of a Deployment are up to date and ready. */
export async function deploymentReady(context: Context, name: string, namespace: string): Promise<void> {
  await context.progress.wait({
    what: `the Deployment ${name} in ${namespace}`,
    limitSeconds: 600,
    check: async () => deploymentMisses(await context.cluster.find("deployment", name, namespace)),
    help: `kubectl --context ${context.cluster.context} -n ${namespace} describe deployment ${name}`,
  });
}

function deploymentMisses(object: Awaited<ReturnType<Context["cluster"]["find"]>>): string | undefined {
  if (object === undefined) return "not there";
  const status = object.status ?? {};
  const wanted = Number(object.spec?.replicas ?? 1);
  if (Number(status.observedGeneration ?? 0) < (object.metadata.generation ?? 0)) return "not observed yet";
  const ready = Math.min(Number(status.updatedReplicas ?? 0), Number(status.availableReplicas ?? 0));
  return ready >= wanted ? undefined : `${ready} of ${wanted} ready`;
}

/** Returns the status of an object's condition: True, False, Unknown, or undefined. */
export function condition(object: { readonly status?: Readonly<Record<string, unknown>> } | undefined, type: string) {
  return conditionOf(object, type)?.status;
}

/** Returns an object's condition with its reason. */
export function conditionOf(object: { readonly status?: Readonly<Record<string, unknown>> } | undefined, type: string) {
  const conditions = object?.status?.conditions;
  if (!Array.isArray(conditions)) return undefined;
  const found: { type: string; status: string; reason?: string; message?: string } | undefined = conditions.find(
    (one) => one.type === type,
  );
  return found;
}
