import { isHealthy } from "../../../scripts/kubernetes/shop.ts";
import { type DatabaseName, databaseNames } from "../../../scripts/shop.ts";
import { check, type Scenario, type Stage } from "../scenario.ts";

/** Checks the databases' operator, the source of the credentials, and what a service may do in its database. */
export const databases: Scenario = {
  name: "databases",
  promise:
    "each service's Postgres is a healthy CloudNativePG Cluster, in which the service may change rows and nothing else",
  async run({ shop, measured }) {
    const { namespace } = shop;
    for (const part of databaseNames) {
      const name = shop.objectName(`${part}-db`);
      const cluster = await namespace.find("clusters.postgresql.cnpg.io", name);
      check(cluster !== undefined && isHealthy(cluster), `${name} is ${cluster?.status?.phase ?? "missing"}`);

      const secret = await namespace.find("secret", `${name}-app`);
      const owner = secret?.metadata.ownerReferences?.[0];
      check(owner?.kind === "Cluster" && owner.name === name, `the Secret ${name}-app does not belong to the operator`);
      const [deployment] = await shop.deployments(part);
      const { containers, initContainers } = deployment.spec.template.spec;
      const mounts = (those: readonly { volumeMounts: readonly { name: string }[] }[]) =>
        those.some(({ volumeMounts }) => volumeMounts.some((mount) => mount.name === "database-owner"));
      check(mounts(initContainers), `the migrations of ${part} do not mount the owner's Secret`);
      check(!mounts(containers), `${deployment.metadata.name} mounts the owner's Secret`);

      for (const [what, sql] of refused) {
        const answer = await asService(shop, part, sql.replaceAll("$owner", part));
        check(answer === "42501", `the role of ${part} may ${what}: ${answer}`);
      }
      const allowed = await asService(shop, part, "select name from schema_version");
      check(allowed === "done", `the role of ${part} cannot read schema_version: ${allowed}`);
    }
    measured(`${databaseNames.length} Clusters are healthy, and no service may do more in its own than change rows`);
  },
};

/** What a service's role must not be able to do; a unit test has more of it. */
const refused: readonly [what: string, sql: string][] = [
  ["create a table", "create table extra (id text)"],
  ["create a temporary table", "create temporary table extra (id text)"],
  ["create a schema", "create schema extra"],
  ["read the migrations' table", "select * from schema_migrations"],
  ["become the owner", 'set role "$owner"'],
  ["read a file", "select pg_read_file('postgresql.conf')"],
];

/** Runs a statement in a pod of the service, with the URL that it has. Returns "done" or the code of the error. */
async function asService(shop: Stage["shop"], part: DatabaseName, sql: string): Promise<string> {
  const [pod] = await shop.pods(part);
  const script = `
    const url = new URL(require("node:fs").readFileSync(process.env.DATABASE_URL_FILE, "utf8").trim());
    if (process.env.DATABASE_CA_FILE) {
      url.searchParams.set("sslmode", "verify-full");
      url.searchParams.set("sslrootcert", process.env.DATABASE_CA_FILE);
    }
    const client = new (require("pg").Client)({ connectionString: url.href });
    client.connect()
      .then(() => client.query(${JSON.stringify(sql)}))
      .then(() => console.log("done"), (error) => console.log(error.code ?? error.message))
      .finally(() => client.end());`;
  const said = await shop.namespace.kubectl(["exec", pod.metadata.name, "--", "/nodejs/bin/node", "-e", script]);
  return said.trim();
}
