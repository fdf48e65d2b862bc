import { wantedSecrets } from "../../k8s/install/secrets.ts";
import { type Manifest, render, variants } from "./render.ts";

/** A key of a Secret, or all of them: "*". */
export type SecretKey = { readonly secret: string; readonly key: string };

/** Returns every key of every Secret that the charts use or the installer creates, of a release `sagacart`. */
export async function usedSecrets(): Promise<SecretKey[]> {
  const objects = await renderedObjects();
  // Those of the registry and of the Ingress are the owner's of the cluster, and the chart only passes their names on.
  return [...objects.flatMap((object) => (object.kind === "Ingress" ? [] : keysIn(object))), ...created()];
}

/** Renders all variants, and what production may have besides. */
export async function renderedObjects(): Promise<Manifest[]> {
  const cloud = { apiKey: { secretName: "sagacart-temporal-cloud", key: "api-key" }, mutualTls: { secretName: "" } };
  const prod = variants.find(({ name }) => name === "prod");
  const all = [
    ...variants,
    ...(prod === undefined ? [] : [{ ...prod, values: { ...prod.values, temporal: cloud } }]),
    {
      files: ["k8s/profiles/ci.yaml"],
      values: {
        audit: { every: "10m" },
        identity: { secret: { keys: { KEY_ENCRYPTION_SECRETS_BEFORE: true, OIDC_CLIENTS: true, SEED_USERS: true } } },
        databases: { cluster: { instances: 1 } },
      },
    },
  ];
  return (await Promise.all(all.map((variant) => render(variant)))).flat();
}

/** Expands the braces of a name as a shell does. */
export function expand(name: string): string[] {
  const [, before = "", list = "", after = ""] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(name) ?? [];
  return list === "" ? [name] : list.split(",").map((one) => `${before}${one}${after}`);
}

/** Returns every key of every Secret that an object names, wherever it names it. */
function keysIn(object: Manifest): SecretKey[] {
  if (typeof object !== "object" || object === null) return [];
  const all = (secret: string, items: readonly { key: string }[] | undefined): SecretKey[] =>
    items === undefined ? [{ secret, key: "*" }] : items.map(({ key }) => ({ secret, key }));
  return Object.entries<Manifest>(object).flatMap(([name, value]): SecretKey[] => {
    if (name === "secret" && typeof value === "object" && (value?.secretName ?? value?.name) !== undefined) {
      return all(value.secretName ?? value.name, value.items);
    }
    if (name === "secretName" && typeof value === "string") return all(value, undefined);
    if (name === "secretKeyRef") return [{ secret: value.name, key: value.key }];
    if (/SecretRef$/.test(name) || name === "passwordSecret" || name === "superuserSecret") {
      return [{ secret: value.name, key: value.key ?? "*" }];
    }
    return keysIn(value);
  });
}

function created(): SecretKey[] {
  return [wantedSecrets({}, true), wantedSecrets({}, false)].flatMap((secrets) =>
    Object.entries(secrets).flatMap(([name, data]) =>
      Object.keys(data).map((key) => ({ secret: `sagacart-${name}`, key })),
    ),
  );
}
