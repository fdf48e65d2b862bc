import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { randomSecret } from "../../../k8s/install/random-secret.ts";
import { cloneFolder } from "../../../scripts/clone.ts";
import { auditShop } from "../../../scripts/kubernetes/audit.ts";
import type { Namespace } from "../../../scripts/kubernetes/namespace.ts";
import { isHealthy } from "../../../scripts/kubernetes/shop.ts";
import { auditedDatabases, type DatabaseName, databaseNames } from "../../../scripts/shop.ts";
import { until } from "../../../scripts/until.ts";
import { checkAnswered, checkFinal, inShort, moreAnswers, startLoad } from "../load.ts";
import { check, type Scenario, type Stage } from "../scenario.ts";
import { checkout } from "./install.ts";

/** The server that stands for the company's own: the chart knows nothing of it. */
const server = "company-postgres";

/** Installs a second shop, in a namespace of its own, on a Postgres that was prepared as k8s/README.md says. */
export const ownPostgres: Scenario = {
  name: "own-postgres",
  promise: "a second shop on an existing Postgres, prepared by the SQL of k8s/README.md, sells and passes its audit",
  async run(stage) {
    const { measured } = stage;
    const { shop, install } = stage.another("own-postgres");
    const { namespace } = shop;
    try {
      await startServer(stage, namespace);
      const passwords = new Map(
        [...databaseNames.flatMap((name) => [name, `${name}_serving`]), "audit"].map(withPassword),
      );
      await prepare(namespace, passwords);
      await createSecrets(shop, passwords);

      const startedAt = performance.now();
      await install(ownPostgresValues(shop.release), { steps: "temporal,secrets,shop" });
      await shop.ready();
      measured(`installed on one Postgres in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
      const clusters = await namespace.list(
        "clusters.postgresql.cnpg.io",
        `app.kubernetes.io/instance=${shop.release}`,
      );
      check(clusters.length === 0, "the release has databases of its own");

      measured(await checkout({ shop }));
      await using load = await startLoad(shop, { callers: 4, pauseMs: 100 });
      await moreAnswers(load, 50, 120_000);
      const connected = await psql(
        namespace,
        "select distinct usename from pg_stat_activity where datname is not null",
      );
      for (const name of databaseNames) {
        check(connected.includes(`${name}_serving`), `${name} does not connect as ${name}_serving`);
        check(!connected.includes(name), `${name} serves with the role of the owner`);
      }
      const report = await load.stop();
      measured(inShort(report));
      measured(`audit: ${await auditShop(shop)}`);
      checkAnswered(report);
      checkFinal(report);
    } finally {
      await namespace.helm(["uninstall", shop.release, "--ignore-not-found", "--timeout", "5m"]).catch(stage.say);
      await namespace.kubectl(["delete", "namespace", namespace.name, "--wait=false", "--ignore-not-found"]);
    }
  },
};

/** The values that k8s/README.md names for an existing Postgres. */
export function ownPostgresValues(release: string): Record<string, unknown> {
  const peers = [{ podSelector: { matchLabels: { "cnpg.io/cluster": server } } }];
  const database = (name: DatabaseName) => ({
    existingSecret: { name: `${release}-${name}-url` },
    ownerSecret: { name: `${release}-${name}-owner-url` },
    peers,
  });
  return {
    databases: { enabled: false },
    audit: { urlsSecret: `${release}-audit-urls` },
    worker: { mode: "deployment" },
    ...Object.fromEntries(databaseNames.map((name) => [name, { database: database(name) }])),
  };
}

/** The SQL of k8s/README.md: for one service, as an example for order, and for the audit. */
export function sqlOf(readme: string): { readonly service: string; readonly audit: string } {
  const blocks = (readme.split("**An existing Postgres**")[1] ?? "")
    .split("\n\n")
    .filter((text) => text.startsWith("    create role"));
  const [service, audit] = blocks.map((text) => text.replaceAll(/^ {4}/gm, ""));
  check(service !== undefined && audit !== undefined, "k8s/README.md has no SQL for an existing Postgres");
  return { service, audit };
}

/** Returns the SQL for a service and its passwords, from that for order. */
export function sqlFor(name: DatabaseName, sql: string, passwords: ReadonlyMap<string, string>): string {
  return sql.replaceAll("order", name).replaceAll(/create role "?(\w+)"? login password '…'/g, (text, role: string) => {
    const password = passwords.get(role);
    check(password !== undefined, `no password for ${role}`);
    return text.replace("…", password);
  });
}

function withPassword(role: string): [string, string] {
  return [role, randomSecret()];
}

async function startServer({ shop }: Stage, namespace: Namespace): Promise<void> {
  const known = await shop.namespace.find("clusters.postgresql.cnpg.io", shop.objectName("order-db"));
  check(known !== undefined, "the first shop has no database whose image is known");
  await namespace.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace.name } });
  await namespace.apply({
    apiVersion: "postgresql.cnpg.io/v1",
    kind: "Cluster",
    metadata: { name: server },
    spec: {
      instances: 1,
      imageName: known.spec.imageName,
      storage: known.spec.storage,
      postgresql: { parameters: { max_connections: "300" } },
      resources: { requests: { cpu: "10m", memory: "128Mi" } },
    },
  });
  await until(
    `${server} to be healthy`,
    async () => {
      const cluster = await namespace.find("clusters.postgresql.cnpg.io", server);
      return cluster !== undefined && isHealthy(cluster);
    },
    { withinMs: 300_000, everyMs: 2_000 },
  );
}

async function prepare(namespace: Namespace, passwords: ReadonlyMap<string, string>): Promise<void> {
  const sql = sqlOf(await readFile(join(cloneFolder, "k8s/README.md"), "utf8"));
  for (const name of databaseNames) await psql(namespace, sqlFor(name, sql.service, passwords));
  await psql(namespace, sqlFor("order", sql.audit, passwords));
}

/** Runs SQL as the superuser in the server's pod, and returns the rows of one column. */
async function psql(namespace: Namespace, sql: string): Promise<string[]> {
  const { status } = await namespace.find("clusters.postgresql.cnpg.io", server);
  const command = ["psql", "-v", "ON_ERROR_STOP=1", "-qtAX", "-f", "-"];
  const said = await namespace.kubectl(["exec", "-i", status.currentPrimary, "-c", "postgres", "--", ...command], {
    input: sql,
  });
  return said.split("\n").filter((line) => line !== "");
}

async function createSecrets(
  { namespace, release }: Stage["shop"],
  passwords: ReadonlyMap<string, string>,
): Promise<void> {
  const url = (role: string, database: string) =>
    `postgresql://${role}:${passwords.get(role)}@${server}-rw.${namespace.name}:5432/${database}`;
  const secret = (name: string, stringData: Record<string, string>) => ({
    ...{ apiVersion: "v1", kind: "Secret", metadata: { name: `${release}-${name}` }, stringData },
  });
  await namespace.apply(
    ...databaseNames.flatMap((name) => [
      secret(`${name}-url`, { uri: url(`${name}_serving`, name) }),
      secret(`${name}-owner-url`, { uri: url(name, name) }),
    ]),
    secret(
      "audit-urls",
      Object.fromEntries(auditedDatabases.map((name) => [`AUDIT_${name.toUpperCase()}_URL`, url("audit", name)])),
    ),
  );
}
