import { parseAllDocuments } from "yaml";
import type { Context } from "./context.ts";
import { randomSecret } from "./random-secret.ts";
import { shopChart } from "./shop-chart.ts";
import { ensureNamespace, shopsLabels } from "./temporal.ts";

/** The Secret of a role that a service connects to its database with. */
export type ServingSecret = {
  readonly name: string;
  readonly data: { readonly username: string; readonly password: string; readonly uri: string };
};

/**
 * Creates the Secrets of the roles that services connect with, `<cluster>-serving`, for the Clusters in the shop's manifests,
 * if they do not exist. CloudNativePG makes
 * that of a database's owner only. The passwords are used inside the cluster alone and nobody needs to know them, so they are
 * created in production, too; a Secret that a vault has written is never touched.
 */
export async function createServingSecrets(context: Context, manifests: string): Promise<readonly string[]> {
  const { cluster, options } = context;
  const wanted = servingSecrets(manifests, options.namespace);
  const there = new Set((await cluster.list("secret", options.namespace)).map(({ metadata }) => metadata.name));
  const missing = wanted.filter(({ name }) => !there.has(name));
  if (missing.length > 0) {
    await ensureNamespace(context, options.namespace, shopsLabels);
  }
  for (const { name, data } of missing) {
    const metadata = {
      name,
      namespace: options.namespace,
      labels: {
        "app.kubernetes.io/part-of": "sagacart",
        "app.kubernetes.io/instance": options.release,
        // Makes CloudNativePG update the role when the password changes.
        "cnpg.io/reload": "true",
      },
    };
    // On standard input, because command lines are visible to every user of the machine.
    const secret = { apiVersion: "v1", kind: "Secret", metadata, stringData: data };
    await cluster.kubectl(["create", "-f", "-"], JSON.stringify(secret));
  }
  return missing.map(({ name }) => name);
}

/** Renders the shop's chart with the values of this installation, also what needs operators that are not there yet. */
export async function renderedShop(context: Context): Promise<string> {
  const { cluster, options } = context;
  const { args, input } = await shopChart(context);
  const apis = ["cert-manager.io/v1", "postgresql.cnpg.io/v1", "temporal.io/v1alpha1", "barmancloud.cnpg.io/v1"];
  return await cluster.helm(
    [
      ...["template", options.release, ...args, "-n", options.namespace],
      // The oldest version that the chart supports: which Secrets it needs does not depend on it.
      ...["--kube-version", "1.29"],
      ...apis.flatMap((api) => ["--api-versions", api]),
    ],
    { input },
  );
}

/** Returns the Secrets of the serving roles of all Clusters in these manifests, with new passwords. */
export function servingSecrets(manifests: string, namespace: string): readonly ServingSecret[] {
  return parseAllDocuments(manifests).flatMap((document): readonly ServingSecret[] => {
    const object: Partial<Cluster> | null = document.toJS();
    if (object?.kind !== "Cluster" || object.metadata === undefined || object.spec === undefined) return [];
    const cluster = object.metadata.name;
    const { initdb, recovery } = object.spec.bootstrap ?? {};
    const database = initdb?.database ?? recovery?.database ?? "";
    const roles = object.spec.managed?.roles ?? [];
    return roles
      .filter(({ passwordSecret }) => passwordSecret?.name === `${cluster}-serving`)
      .map(({ name: username }) => {
        const password = randomSecret();
        const uri = `postgresql://${username}:${password}@${cluster}-rw.${namespace}:5432/${database}`;
        return { name: `${cluster}-serving`, data: { username, password, uri } };
      });
  });
}

/** The fields of CloudNativePG's Cluster that tell its roles. */
type Cluster = {
  readonly kind: "Cluster";
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly bootstrap?: Readonly<Record<"initdb" | "recovery", { readonly database?: string } | undefined>>;
    readonly managed?: {
      readonly roles?: readonly { readonly name: string; readonly passwordSecret?: { readonly name: string } }[];
    };
  };
};
