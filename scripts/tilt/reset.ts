import { Client, Connection } from "@temporalio/client";
import { openNamespace } from "../kubernetes/namespace.ts";
import { run } from "../program.ts";
import { databaseNames, partNames } from "../shop.ts";
import { tiltShop } from "./shop.ts";

// Resets the shop that Tilt runs: drops the content of its databases, ends the running workflows, restarts every part,
// which migrates, and seeds. The card provider and the carrier keep their data, as real ones would.

await using tilt = await tiltShop();
const { namespace, release } = tilt.shop;
const say = (line: string) => process.stdout.write(`${line}\n`);
const deployments = partNames.map((part) => `deployment/${release}-${part}`);

await namespace.kubectl(["scale", ...deployments, "--replicas=0"]);
for (const part of partNames) {
  await namespace.kubectl(["wait", "--for=delete", "pod", "-l", tilt.shop.labels(part), "--timeout=120s"]);
}
say("stopped the shop");

for (const name of databaseNames) {
  const pod = await primaryOf(`${release}-${name}-db`);
  const sql = `drop schema public cascade; create schema public authorization "${name}"`;
  await namespace.kubectl([
    "exec",
    pod,
    "-c",
    "postgres",
    "--",
    "psql",
    "-q",
    "-v",
    "ON_ERROR_STOP=1",
    "-d",
    name,
    "-c",
    sql,
  ]);
}
say("emptied the databases");

{
  await using forwarded = await openNamespace(namespace.cluster, "temporal").forward("svc/temporal-frontend", 7233);
  const connection = await Connection.connect({ address: forwarded.address });
  const { workflow } = new Client({ connection, namespace: namespace.name });
  let ended = 0;
  for await (const { workflowId } of workflow.list({ query: "ExecutionStatus = 'Running'" })) {
    await workflow.getHandle(workflowId).terminate("the shop was reset");
    ended += 1;
  }
  await connection.close();
  say(`ended ${ended} workflows`);
}

await namespace.kubectl(["scale", ...deployments, "--replicas=1"]);
await tilt.shop.ready();
say("started the shop again");
await run("tilt", ["trigger", "seed"]);
say("seeding the catalogue: see the resource `seed`");

async function primaryOf(cluster: string): Promise<string> {
  const found = await namespace.find("clusters.postgresql.cnpg.io", cluster);
  const primary: unknown = found?.status?.currentPrimary;
  if (typeof primary !== "string") throw new Error(`the database ${cluster} has no primary`);
  return primary;
}
