import { expect, test } from "vitest";
import { databaseNames } from "../../scripts/shop.ts";
import { type Manifest, merged, named, ofKind, podsOf, refusal, render, variants } from "./render.ts";

const prod = variants.find(({ name }) => name === "prod")!;
const ci = { files: ["k8s/profiles/ci.yaml"] };

/** Returns the Secrets that a container mounts, by the variable that names the mounted file. */
function secretsOf(pod: Manifest, container: Manifest): Record<string, string> {
  const secrets: [string, string][] = (container.env ?? []).flatMap(({ name, value }: Manifest) => {
    const mount = container.volumeMounts.find(({ mountPath }: Manifest) => `${value}`.startsWith(`${mountPath}/`));
    const volume = pod.volumes.find((one: Manifest) => one.name === mount?.name);
    return volume?.secret === undefined ? [] : [[name, volume.secret.secretName]];
  });
  return Object.fromEntries(secrets);
}

test.for(variants)(
  "in $name, only the migrations can read the owner's URL, and give a role its rights",
  async (variant) => {
    const objects = await render(variant);
    for (const name of databaseNames) {
      const { spec } = named(objects, "Deployment", `sagacart-${name}`).spec.template;
      const [migrate] = spec.initContainers;
      const [serve] = spec.containers;

      expect(secretsOf(spec, migrate)).toMatchObject({
        DATABASE_OWNER_URL_FILE: `sagacart-${name}-db-app`,
        DATABASE_URL_FILE: `sagacart-${name}-db-serving`,
      });
      expect(secretsOf(spec, serve)).toMatchObject({ DATABASE_URL_FILE: `sagacart-${name}-db-serving` });
      expect(JSON.stringify(serve)).not.toMatch(/owner|db-app/i);
    }
  },
);

test.for(variants)("in $name, no container that serves mounts a database owner's Secret", async (variant) => {
  const serving = podsOf(await render(variant)).flatMap(({ from, spec }) =>
    spec.containers.map((container: Manifest) => ({ from, secrets: Object.values(secretsOf(spec, container)) })),
  );
  expect(serving.length).toBeGreaterThan(8);
  expect(serving.filter(({ secrets }) => secrets.some((secret: string) => secret.endsWith("-db-app")))).toEqual([]);
});

test.for(variants)("in $name, CloudNativePG creates the roles, without rights of their own", async (variant) => {
  const clusters = ofKind(await render(variant), "Cluster");
  expect(clusters.length).toBe(databaseNames.length);
  for (const { metadata, spec } of clusters) {
    const name = metadata.name.replace(/^sagacart-(.*)-db$/, "$1");
    expect(spec.managed.roles.filter((role: Manifest) => role.name !== "audit")).toEqual([
      {
        name: `${name}_serving`,
        comment: expect.any(String),
        ensure: "present",
        login: true,
        passwordSecret: { name: `sagacart-${name}-db-serving` },
      },
    ]);
    expect(spec.bootstrap.initdb.owner).toBe(name);
  }
});

const restored = {
  databases: { services: { order: { recovery: { serverName: "sagacart-order-db" } } } },
  order: { database: { clusterName: "sagacart-order-db-2" } },
};

test("a restored database has both roles, and its service gets the one to serve", async () => {
  const objects = await render({ ...prod, values: merged(prod.values, restored) });
  const { spec } = named(objects, "Deployment", "sagacart-order").spec.template;

  expect(secretsOf(spec, spec.initContainers[0])).toMatchObject({
    DATABASE_OWNER_URL_FILE: "sagacart-order-db-2-app",
    DATABASE_URL_FILE: "sagacart-order-db-2-serving",
  });
  expect(named(objects, "Cluster", "sagacart-order-db-2").spec.managed.roles[0]).toMatchObject({
    name: "order_serving",
    passwordSecret: { name: "sagacart-order-db-2-serving" },
  });
});

const own = (database: object) => ({
  audit: { urlsSecret: "audit-urls" },
  order: { database: { peers: [{}], ...database } },
});

test("an own Postgres gives the service a role to serve and the migrations the owner's", async () => {
  const secrets = own({ existingSecret: { name: "order-url" }, ownerSecret: { name: "order-owner", key: "url" } });
  const objects = await render({ ...prod, values: merged(prod.values, secrets) });
  const { spec } = named(objects, "Deployment", "sagacart-order").spec.template;

  expect(secretsOf(spec, spec.initContainers[0])).toMatchObject({
    DATABASE_OWNER_URL_FILE: "order-owner",
    DATABASE_URL_FILE: "order-url",
  });
  expect(secretsOf(spec, spec.containers[0])).not.toHaveProperty("DATABASE_OWNER_URL_FILE");
  expect(spec.volumes).toContainEqual({
    name: "database-owner",
    secret: expect.objectContaining({ secretName: "order-owner", items: [{ key: "url", path: "url" }] }),
  });
});

test.for<[string, object]>([
  ["not set", { existingSecret: { name: "order-url" } }],
  ["not set", { existingSecret: { name: "sagacart-order-db-app" } }],
  ["that of order.database.existingSecret", { existingSecret: { name: "one" }, ownerSecret: { name: "one" } }],
])("in production, an owner's Secret that is %s is rejected", async ([what, database]) => {
  expect(await refusal({ ...prod, values: merged(prod.values, own(database)) })).toContain(
    `order.database.ownerSecret.name is ${what}, which global.production rejects: the service would connect as the owner`,
  );
});

test("in production, a service whose migrations are run by others needs no Secret of the owner", async () => {
  const values = merged(own({ existingSecret: { name: "order-url" } }), { order: { migrations: { enabled: false } } });
  const objects = await render({ ...prod, values: merged(prod.values, values) });

  expect(JSON.stringify(named(objects, "Deployment", "sagacart-order"))).not.toContain("database-owner");
});

test("outside production, one role may do both", async () => {
  const objects = await render({ ...ci, values: own({ existingSecret: { name: "sagacart-order-db-app" } }) });
  const { spec } = named(objects, "Deployment", "sagacart-order").spec.template;

  expect(secretsOf(spec, spec.initContainers[0])).toEqual({ DATABASE_URL_FILE: "sagacart-order-db-app" });
  expect(secretsOf(spec, spec.containers[0])).toMatchObject({ DATABASE_URL_FILE: "sagacart-order-db-app" });
  const { managed } = named(objects, "Cluster", "sagacart-order-db").spec;
  expect(managed.roles.map(({ name }: Manifest) => name)).toEqual(["audit"]);
});
