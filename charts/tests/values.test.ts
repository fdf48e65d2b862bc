import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { neededBy } from "../../k8s/install/needed-secrets.ts";
import { cloneFolder } from "../../scripts/clone.ts";
import { type Schema, type Value, valuesReference } from "../../scripts/docs/values.ts";
import { deployedNames, partOf } from "../../scripts/shop.ts";
import { incoherences } from "./coherent.ts";
import {
  type Manifest,
  merged,
  ofKind,
  operatorApis,
  podsOf,
  refusal,
  render,
  renderText,
  type Variant,
  variants,
} from "./render.ts";
import { breaches } from "./restricted.ts";

// Each value of the reference is changed once. The charts render it right or refuse it with its name; a value that changes
// nothing would be one that the charts ignore.

const reference = valuesReference();
/** Without the Prometheus operator, whose objects are the larger half of the manifests. */
const ci = {
  files: ["k8s/profiles/ci.yaml"],
  apis: operatorApis.filter((api) => !api.startsWith("monitoring.coreos.com/")),
};

const profile: object = parse(readFileSync(join(cloneFolder, "k8s/profiles/ci.yaml"), "utf8"), { merge: true });

/** The values that have to be on for another to have a meaning, by the beginning of its path. */
const needs: readonly (readonly [path: RegExp, values: object])[] = [
  [/^global\.auth\./, externalIssuer()],
  [/^global\.networkPolicy\.issuer$/, { global: externalIssuer().global }],
  [/^global\.tls\./, { global: { tls: { enabled: true, issuer: { name: "company" } } } }],
  [
    /^global\.otel\.|^global\.networkPolicy\.otlp$/,
    { global: { otel: { endpoint: "http://collector.monitoring:4318" } } },
  ],
  [/^databases\.backup\./, { databases: { backup: { enabled: true, configuration: { destinationPath: "s3://b/" } } } }],
  [
    /^databases\.(cluster|services\.<name>)\.synchronous/,
    { databases: { cluster: { instances: 3, synchronous: { method: "any", number: 1 } } } },
  ],
  [
    /^databases\.services\.<name>\.recovery/,
    {
      databases: {
        backup: { enabled: true, configuration: { destinationPath: "s3://b/" } },
        services: { order: { recovery: { serverName: "before" } } },
      },
    },
  ],
  [
    /^databases\.networkPolicy\.objectStorePorts|backupServerName$/,
    { databases: { backup: { enabled: true, configuration: { destinationPath: "s3://b/" } } } },
  ],
  [/^audit\.urlsSecret$/, {}],
  [/^temporal\.mutualTls\./, { temporal: { mutualTls: { secretName: "temporal-client" } } }],
  [/^temporal\.apiKey\./, { temporal: { apiKey: { secretName: "temporal-cloud" } } }],
  [/^temporal\.tlsServerName$/, { temporal: { mutualTls: { secretName: "temporal-client" } } }],
  [/^tests\.publicUrl\.leastDays$/, { tests: { publicUrl: { enabled: "always" } } }],
  [/^temporal\.tls$/, { worker: { mode: "deployment" } }],
  [/^worker\.replicas$/, { worker: { autoscaling: { enabled: false } } }],
  [/^worker\.podDisruptionBudget/, { worker: { mode: "deployment", replicas: 2, autoscaling: { enabled: false } } }],
  [
    /^worker\.extraVolume/,
    {
      worker: {
        extraVolumes: [{ name: "company-ca", emptyDir: {} }],
        extraVolumeMounts: [{ name: "company-ca", mountPath: "/etc/company" }],
      },
    },
  ],
];

/** The same for a value of a service, by its path below the service's name. */
const serviceNeeds: readonly (readonly [path: RegExp, values: object])[] = [
  [/^autoscaling\.(?!enabled)/, { autoscaling: { enabled: true } }],
  [/^podDisruptionBudget\./, { replicas: 3 }],
  [/^tls\./, {}],
  [
    /^ingress\.(?!enabled)/,
    { ingress: { enabled: true, hosts: ["first.example"] }, networkPolicy: { callers: [{ namespaceSelector: {} }] } },
  ],
  [
    /^httpRoute\.(?!enabled)/,
    {
      httpRoute: { enabled: true, parentRefs: [{ name: "first" }] },
      networkPolicy: { callers: [{ namespaceSelector: {} }] },
    },
  ],
  [
    /^grpcRoute\.(?!enabled)/,
    {
      grpcRoute: { enabled: true, parentRefs: [{ name: "first" }], hostnames: ["grpc.example"] },
      networkPolicy: { callers: [{ namespaceSelector: {} }] },
    },
  ],
  [/^loadBalancer\.streamSeconds$/, behind("nginx")],
  [/^loadBalancer\.(?!kind|streamSeconds)/, behind("alb")],
  [
    /^database\.existingSecret\./,
    { database: { existingSecret: { name: "first" }, peers: [{ ipBlock: { cidr: "10.1.2.3/32" } }] } },
  ],
  [/^database\.ownerSecret\./, { database: { ownerSecret: { name: "first" } } }],
  [/^database\.caSecret\./, { database: { caSecret: { name: "first" } } }],
  [
    /^extraVolume/,
    {
      extraVolumes: [{ name: "company-ca", emptyDir: {} }],
      extraVolumeMounts: [{ name: "company-ca", mountPath: "/etc/company" }],
    },
  ],
];

/** A service that a load balancer of this kind reaches. */
function behind(kind: string) {
  return {
    loadBalancer: { kind },
    ingress: { enabled: true, hosts: ["first.example"] },
    networkPolicy: { callers: [{ namespaceSelector: {} }] },
  };
}

function externalIssuer() {
  const auth = {
    issuer: "https://first.example",
    jwksUrl: "https://first.example/k",
    tokenUrl: "https://first.example/t",
  };
  return { global: { auth } };
}

/** Values of a type that no example of the schema and no bound of a number gives. */
const texts = [
  "another",
  "45s",
  "12h",
  "7d",
  "3Gi",
  `sha256:${"0".repeat(64)}`,
  "https://another.example",
  "another.example:7233",
  "5 4 * * *",
  "0 5 4 * * *",
];

function changesOf({ path, schema, default: given }: Value): unknown[] {
  const { examples, enum: words, anyOf, type, minimum = 0, maximum = Number.POSITIVE_INFINITY, pattern } = schema;
  if (path === "secret.keys") return [{ LOG_LEVEL: true }];
  if (examples !== undefined) return [examples[0]];
  if (words !== undefined) return words.filter((word) => word !== given);
  if (anyOf !== undefined)
    return anyOf.flatMap((one) => changesOf({ path: "", schema: one, default: given }).slice(0, 1));
  const [first] = [type ?? "string"].flat();
  const number = typeof given === "number" ? given : minimum;
  switch (first) {
    case "boolean":
      return [given !== true];
    case "integer":
      return [number + 1 <= maximum ? number + 1 : number - 1];
    case "number":
      return [number / 2];
    case "array":
      return [itemsOf(schema, given)];
    case "string": {
      const text = texts.find((one) => one !== given && (pattern === undefined || new RegExp(pattern).test(one)));
      return text === undefined ? [] : [text];
    }
    default:
      return [];
  }
}

function itemsOf({ items }: Schema, given: unknown): unknown[] {
  const before: unknown[] = Array.isArray(given) ? given : [];
  if (items?.type === "integer") return [...before, 4_443];
  return items?.pattern === undefined ? ["another"] : ["10.9.0.0/16"];
}

function at(path: string, value: unknown): object {
  const [name = "", ...rest] = path.replace("alerts.<name>", "alerts.SagacartVolumeFull").split(".");
  return { [name.replace("<name>", "order")]: rest.length === 0 ? value : at(rest.join("."), value) };
}

function needed(path: string, list: readonly (readonly [RegExp, object])[]): object {
  return list.filter(([pattern]) => pattern.test(path)).reduce((values, [, more]) => merged(values, more), {});
}

type Base = Omit<Variant, "name">;

/** Returns the faults of a variant as it is: its Secrets are those that the base needs, or are named by the change. */
async function problemsOf(base: Base, changed: Base, change: unknown): Promise<string[]> {
  const objects = await render(changed);
  const before = neededBy(await render(base));
  // A key of a Secret that a service did not have before.
  const named = /"keys"|LOG_LEVEL":true/.test(JSON.stringify(change)) ? "sagacart-stock" : JSON.stringify(change);
  // The installer makes those of the roles that services connect with.
  const byInstaller = ofKind(objects, "Cluster").map(({ metadata }) => `${metadata.name}-serving`);
  const secrets = [...neededBy(objects).keys()].filter(
    (name) => !before.has(name) && !named.includes(name) && !byInstaller.includes(name),
  );
  return [
    ...incoherences(objects),
    ...(/ecurityContext/.test(named) ? [] : breaches(podsOf(objects))),
    ...secrets.map((name) => `nobody makes the Secret ${name}`),
  ];
}

const without = (text: string) => text.replaceAll(/^# Source:.*$/gm, "");

/** Checks one change, and returns what is wrong: with the shop, with the sentence of the refusal, or that it has no effect. */
async function check(base: Base, change: object, path: string): Promise<string[]> {
  const changed = { ...base, values: merged(base.values ?? {}, change) };
  const sentence = await refusal(changed);
  const names = path.split(".").slice(-2);
  if (sentence !== undefined)
    return names.some((name) => sentence.includes(name)) ? [] : [`refused without its name: ${sentence}`];
  if (without(await renderText(base)) === without(await renderText(changed))) return ["has no effect"];
  return await problemsOf(base, changed, change);
}

/** The value as the profile and what is needed set it, or its default. */
function effective({ path, schema, default: given }: Value): Value {
  const values = merged(profile, needed(path, needs));
  const find = (from: string) => from.split(".").reduce<Manifest>((inside, name) => inside?.[name], values);
  return { path, schema, default: find(path) ?? find(path.replace("services.<name>", "cluster")) ?? given };
}

/** Without a meaning outside of production. */
const ofProduction = new Set(["global.auth.operatorsByPasswordAlone"]);

const withChanges = (values: readonly Value[]) =>
  values.flatMap((value) =>
    changesOf(value).map((to) => [`${value.path} = ${JSON.stringify(to)}`, value, to] as const),
  );

test("the reference has every default of the charts, and each value can be changed", () => {
  const { global, service, shop, differences } = reference;
  const all = [...global, ...service, ...shop];
  const single = new Set(["global.otel.protocol", "worker.controller.gate.workflowType"]);

  expect(all.filter((value) => changesOf(value).length === 0 && !single.has(value.path))).toEqual([]);
  expect(all.length).toBeGreaterThan(200);
  const known = new Set(service.map(({ path }) => path));
  const unknown = Object.values(differences)
    .flat()
    .filter(({ path }) => !known.has(path) && !/^(config|secret\.keys|resources\.(requests|limits))\./.test(path));
  expect(unknown).toEqual([]);
});

test.for(variants)("the objects of $name fit together", async (variant) => {
  expect(incoherences(await render(variant))).toEqual([]);
});

test.for(
  withChanges([...reference.global, ...reference.shop].filter(({ path }) => !ofProduction.has(path)).map(effective)),
)("%s renders right or is refused", async ([, value, to]) => {
  const apis = /^(global\.monitoring|alerts)\./.test(value.path) ? operatorApis : ci.apis;
  const base = { ...ci, apis, values: needed(value.path, needs) };
  expect(await check(base, at(value.path, to), value.path)).toEqual([]);
});

test.for(withChanges(reference.service))("%s of each service renders right or is refused", async ([, { path }, to]) => {
  const more = needed(path, serviceNeeds);
  const all = (value: object) => Object.fromEntries(deployedNames.map((name) => [name, value]));
  const audited = /^database\.existingSecret/.test(path) ? { audit: { urlsSecret: "audit-urls" } } : {};
  const tls = /^(tls|database\.caSecret|httpRoute\.backendTls)\./.test(path)
    ? { global: { tls: { enabled: true } } }
    : {};
  const extra = merged(audited, tls);
  const one = (name: string, value: object) => merged({ [name]: value }, extra);
  // All services at once, and one by one if that is refused: each must then render right, or be refused by its own name.
  const base: Manifest = { ...ci, values: merged(all(more), extra) };
  const changed = { ...base, values: merged(base.values, all(at(path, to))) };
  if ((await refusal(changed)) === undefined) {
    expect(await problemsOf(base, changed, to)).toEqual([]);
    expect(without(await renderText(base))).not.toBe(without(await renderText(changed)));
    return;
  }
  for (const name of deployedNames) {
    const alone = { ...ci, values: one(name, more) };
    const own = reference.differences[name]?.find((value) => value.path === path)?.default;
    const isWithout = partOf(name).database === undefined && /^(database\.(?!enabled)|migrations\.)/.test(path);
    if (isWithout || JSON.stringify(own) === JSON.stringify(to)) continue;
    // What the value needs may itself be refused for this service, for example an Ingress of a headless one.
    if ((await refusal(alone)) !== undefined) continue;
    expect(await check(alone, one(name, at(path, to)), path), name).toEqual([]);
  }
});
