import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Cluster } from "../../k8s/install/cluster.ts";
import { neededSecrets, usedSecrets } from "../../k8s/install/needed-secrets.ts";
import { readOptions } from "../../k8s/install/options.ts";
import { shopChart } from "../../k8s/install/shop-chart.ts";
import { findProgram, helm } from "../../scripts/go-programs.ts";
import { run } from "../../scripts/program.ts";
import { deployedNames, serviceNames } from "../../scripts/shop.ts";
import { type Manifest, merged, ofKind, podsOf, render, renderText, variants } from "./render.ts";

// The ways of installing that k8s/README.md documents, each with each other: what one part names, another part makes, or the
// owner does by the document.

const profiles = ["dev", "ci", "prod", "prod-aks", "prod-eks", "prod-gke", "prod-ingress"];

const ownPostgres = {
  databases: { enabled: false },
  audit: { urlsSecret: "audit-urls" },
  ...Object.fromEntries(
    serviceNames.map((name) => [
      name,
      {
        database: {
          existingSecret: { name: `${name}-url` },
          ownerSecret: { name: `${name}-owner-url` },
          peers: [{}],
        },
      },
    ]),
  ),
};
const temporalCloud = {
  temporal: {
    address: "shop.a1b2c.tmprl.cloud:7233",
    namespace: "shop.a1b2c",
    apiKey: { secretName: "temporal-cloud", key: "api-key" },
    mutualTls: { secretName: "" },
  },
  global: { networkPolicy: { temporal: [{ ipBlock: { cidr: "0.0.0.0/0" } }] } },
};
const existingSecrets = Object.fromEntries(
  deployedNames.map((name) => [name, { secret: { existingSecret: `vault-${name}` } }]),
);
const ways = [
  { name: "by itself", values: {} },
  { name: "own Postgres", values: ownPostgres },
  { name: "Temporal Cloud", values: temporalCloud },
  { name: "existing Secrets", values: existingSecrets },
  { name: "TLS", values: { global: { tls: { enabled: true } } } },
  {
    name: "own Postgres, Temporal Cloud and existing Secrets",
    values: [ownPostgres, temporalCloud, existingSecrets].reduce(merged),
  },
];
const places = [
  { release: "sagacart", namespace: "sagacart" },
  { release: "second", namespace: "another" },
];

const cases = profiles.flatMap((profile) => ways.flatMap((way) => places.map((place) => ({ profile, way, ...place }))));

function variantOf({ profile, way, release, namespace }: (typeof cases)[number]) {
  const found = variants.find(({ name }) => name === profile);
  if (found === undefined) throw new Error(`no profile ${profile}`);
  return { ...found, values: merged(found.values ?? {}, way.values), release, namespace };
}

test.for(cases.map((one) => [`${one.profile}, ${one.way.name}, ${one.release} in ${one.namespace}`, one] as const))(
  "%s: each address that a part is given is that of a Service or a database of the release",
  async ([, one]) => {
    const objects = await render(variantOf(one));
    const known = new Set([
      ...ofKind(objects, "Service").flatMap(({ metadata, spec }) =>
        spec.ports.map(({ port }: Manifest) => `${metadata.name}:${port}`),
      ),
      ...ofKind(objects, "Cluster").map(({ metadata }) => `${metadata.name}-rw:5432`),
    ]);
    const given = addressesIn(objects).filter((address) => !/^(localhost|127\.0\.0\.1|0\.0\.0\.0):/.test(address));

    expect(given.filter((address) => !address.includes(".")).length).toBeGreaterThan(5);
    expect(given.filter((address) => !address.includes(".") && !known.has(address))).toEqual([]);
  },
);

test.for(cases.map((one) => [`${one.profile}, ${one.way.name}, ${one.release} in ${one.namespace}`, one] as const))(
  "%s: the Secrets to create are those of the document",
  async ([, one]) => {
    const { profile, way, release } = one;
    const manifests = await renderText(variantOf(one));
    const used = usedSecrets(manifests);
    const inVault = way.name.includes("existing Secrets");
    const hasOwnPostgres = way.name.includes("own Postgres");
    const isProduction = profile.startsWith("prod");
    const callers = deployedNames.filter((name) => name !== "stock" && name !== "identity");
    const ofServices = [...callers, "identity"].filter((name) => !isProduction || name !== "surfaces");

    expect([...used.keys()].toSorted()).toEqual(
      [
        ...ofServices.map((name) => (inVault ? `vault-${name}` : `${release}-${name}`)),
        `${release}-worker`,
        `${release}-audit`,
        ...(isProduction ? [] : [`${release}-tools`]),
        ...(hasOwnPostgres
          ? ["audit-urls", ...serviceNames.flatMap((name) => [`${name}-url`, `${name}-owner-url`])]
          : serviceNames.map((name) => `${release}-${name}-db-serving`)),
        ...(way.name.includes("Temporal Cloud") ? ["temporal-cloud"] : isProduction ? ["sagacart-temporal-tls"] : []),
      ].toSorted(),
    );
    // Of an existing Postgres the audit has the URLs elsewhere: what is left is the secret with which it records its verdicts.
    expect(neededSecrets(manifests).has(`${release}-audit`)).toBe(!hasOwnPostgres);
  },
);

test.for<[string, string[], object, string]>([
  ["the shop's own by default", [], {}, "another"],
  ["the owner's in a values file", [], temporalCloud, "shop.a1b2c"],
  ["the owner's on the command line", ["--set", "temporal.namespace=by-set"], temporalCloud, "by-set"],
  ["the installer's own option above all", ["--temporal-namespace", "by-option"], temporalCloud, "by-option"],
])("the installer gives the worker the Temporal namespace: %s", async ([, args, values, expected]) => {
  const file = join(await mkdtemp(join(tmpdir(), "sagacart-values-")), "values.json");
  await writeFile(file, JSON.stringify(values));
  const options = readOptions(["--profile", "ci", "--namespace", "another", "--values", file, ...args]);
  if (options === "help") throw new Error("no help was asked for");
  const cluster: Pick<Cluster, "find"> = { find: async () => undefined };
  const chart = await shopChart({ cluster, options });

  const { input } = chart;
  const apis = ["postgresql.cnpg.io/v1", "temporal.io/v1alpha1"].flatMap((api) => ["--api-versions", api]);
  const version = ["--kube-version", "1.34"];
  const text = await run(await findProgram(helm), ["template", "sagacart", ...chart.args, ...apis, ...version], {
    input,
  });
  const objects = parseAllDocuments(text).map((document): Manifest => document.toJS());
  const worker = objects.find((object) => object?.kind === "WorkerDeployment");
  expect(worker.spec.workerOptions.temporalNamespace).toBe(expected);
});

/** Returns the addresses, host:port, in the variables of all pods and ConfigMaps. */
function addressesIn(objects: readonly Manifest[]): readonly string[] {
  const texts = [
    ...ofKind(objects, "ConfigMap").flatMap(({ data }) => Object.values<string>(data ?? {})),
    ...podsOf(objects).flatMap(({ spec }) =>
      [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ env = [], args = [] }: Manifest) => [
        ...env.flatMap(({ value }: Manifest) => (typeof value === "string" ? [value] : [])),
        ...args,
      ]),
    ),
  ];
  return texts.flatMap((text) =>
    [...text.matchAll(/(?:dns:\/\/\/|https?:\/\/|smtps?:\/\/|@)([a-z0-9][a-z0-9.-]*:\d+)/g)].map(
      ([, address = ""]) => address,
    ),
  );
}
