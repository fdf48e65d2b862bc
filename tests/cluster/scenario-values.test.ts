import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { incoherences } from "../../charts/tests/coherent.ts";
import { ofKind, operatorApis, render, renderText } from "../../charts/tests/render.ts";
import { neededSecrets } from "../../k8s/install/needed-secrets.ts";
import { cloneFolder } from "../../scripts/clone.ts";
import { auditedDatabases, databaseNames } from "../../scripts/shop.ts";
import { valuesOf } from "./installer.ts";
import { plainWorker, secretsFor } from "./scenarios/manifests.ts";
import { ownPostgresValues, sqlFor, sqlOf } from "./scenarios/own-postgres.ts";
import { pagesOverTls } from "./scenarios/pages.ts";
import { folderOf } from "./scenarios/upgrade.ts";
import { volumeValues } from "./scenarios/volume.ts";

// What scenarios give to a cluster, held against the charts without one.

const readme = readFileSync(join(cloneFolder, "k8s/README.md"), "utf8");
const variantOf = (changes: Record<string, unknown>) => ({
  files: ["k8s/profiles/ci.yaml"],
  apis: operatorApis.filter((api) => !api.startsWith("monitoring.coreos.com/")),
  values: valuesOf("a-tag", {}, changes),
});

test.for([
  ["own-postgres", ownPostgresValues("sagacart")],
  ["volume", volumeValues],
  ["pages", pagesOverTls],
  ["manifests", { ...plainWorker, temporal: { namespace: "shop" } }],
] as const)("the values of %s render objects that fit together", async ([, values]) => {
  expect(incoherences(await render(variantOf(values)))).toEqual([]);
});

test("own-postgres: the release has no database, and needs only the Secrets that are made for it", async () => {
  const variant = variantOf(ownPostgresValues("sagacart"));
  expect(ofKind(await render(variant), "Cluster")).toEqual([]);
  const needed = neededSecrets(await renderText(variant));
  const urls = [...needed.keys()].filter((name) => name.endsWith("-url") || name.endsWith("-urls"));
  expect(urls.toSorted()).toEqual(
    ["audit-urls", ...databaseNames.flatMap((name) => [`${name}-url`, `${name}-owner-url`])]
      .map((name) => `sagacart-${name}`)
      .toSorted(),
  );
  expect([...(needed.get("sagacart-audit-urls") ?? [])].toSorted()).toEqual(
    auditedDatabases.map((name) => `AUDIT_${name.toUpperCase()}_URL`).toSorted(),
  );
});

test("volume: only the orders' database has two instances, with each commit on both", async () => {
  const clusters = ofKind(await render(variantOf(volumeValues)), "Cluster");
  expect(clusters.map(({ metadata, spec }) => [metadata.name, spec.instances]).toSorted()).toEqual(
    databaseNames.map((name) => [`sagacart-${name}-db`, name === "order" ? 2 : 1]).toSorted(),
  );
  const order = clusters.find(({ metadata }) => metadata.name === "sagacart-order-db");
  expect(order.spec.postgresql.synchronous).toMatchObject({ method: "any", number: 1 });
});

test("manifests: every Secret and key that the pods look for is made, or is the operator's", async () => {
  const rendered = await renderText(variantOf({ ...plainWorker, temporal: { namespace: "shop" } }));
  const made = new Map(
    secretsFor(rendered, "shop", "sagacart").map((secret) => {
      const { metadata, stringData } = secret as { metadata: { name: string }; stringData: object };
      return [metadata.name, Object.keys(stringData)] as const;
    }),
  );
  const missing = [...neededSecrets(rendered)].flatMap(([name, keys]) =>
    [...keys].filter((key) => made.get(name)?.includes(key) !== true).map((key) => `${name} ${key}`),
  );
  expect(missing.filter((one) => !/-db-(app|ca) /.test(one))).toEqual([]);
});

test("own-postgres: the SQL is that of the README, for each service and with its passwords", () => {
  const { service, audit } = sqlOf(readme);
  const passwords = new Map([
    ["stock", "one"],
    ["stock_serving", "two"],
    ["audit", "three"],
  ]);

  expect(sqlFor("stock", service, passwords).split("\n")).toEqual([
    "create role \"stock\" login password 'one';",
    "create role stock_serving login password 'two';",
    'create database "stock" owner "stock" encoding \'UTF8\' template template0;',
    'revoke all on database "stock" from public;',
    '\\connect "stock"',
    'alter schema public owner to "stock";',
  ]);
  expect(sqlFor("order", audit, passwords)).toMatch(/^create role audit login password 'three';\n/);
  expect(sqlFor("order", audit, passwords)).not.toContain("…");
  expect(() => sqlFor("order", service, passwords)).toThrow("no password for order");
  for (const name of auditedDatabases) expect(audit).toContain(name);
});

test("upgrade: a commit's files are in a folder of their own, with this clone's packages", async () => {
  const folder = await folderOf("HEAD");
  try {
    for (const path of ["k8s/install.ts", "charts/sagacart/Chart.yaml", "scripts/images.ts", "node_modules/yaml"]) {
      expect([path, existsSync(join(folder, path))]).toEqual([path, true]);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  expect(existsSync(join(cloneFolder, "node_modules/yaml"))).toBe(true);
});
