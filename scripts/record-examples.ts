import "./help.ts";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startReceiver } from "@sagacart/notifier/testing/receiver";
import pg from "pg";
import { cloneFolder } from "./clone.ts";
import { connectDashboard } from "./demo/card-dashboard.ts";
import { recordCarts } from "./examples/carts.ts";
import { recordCatalogue } from "./examples/catalogue.ts";
import { recordEvents } from "./examples/events.ts";
import { recordIncidents, recordMoney, recordProviderWebhooks } from "./examples/money.ts";
import { recordOperations } from "./examples/operations.ts";
import { recordGuestOrders, recordOrders } from "./examples/orders.ts";
import { recordDeliveries, recordMessages, recordTemplates, recordWebhooks } from "./examples/outgoing.ts";
import { recordPeople } from "./examples/people.ts";
import { createRecorder, type Json, type Recorder } from "./examples/recorder.ts";
import type { Scene } from "./examples/scene.ts";
import { stabilize } from "./examples/stable.ts";
import { recordDapr, recordFlask, recordWdm, recordWippy } from "./examples/surfaces.ts";
import { runToEnd } from "./program.ts";
import { seed } from "./stack/seed.ts";
import { usualPorts } from "./stack/services.ts";
import { type Stack, startStack } from "./stack/stack.ts";
import { readSecrets } from "./stack/state.ts";
import { authorizationOf } from "./stack/tokens.ts";

// npm run examples: records an example of each operation of the OpenAPI documents, a request and its answer, from a shop of its
// own, and writes them into the services that serve the documents. Run it when an operation, or an answer, changes: the scenes
// are in scripts/examples.
//
// Ids, times, tokens and the like are replaced, so that recording again changes nothing if nothing changed.

const say = (line: string) => process.stdout.write(`${line}\n`);

await using stack = await startStack({
  stateDirectory: await mkdtemp(join(tmpdir(), "sagacart-examples-")),
  ports: "free",
  temporary: true,
  launcher: true,
  settings: { fsync: "off" },
  log: say,
  // One of them is killed, which has to be an example, too.
  onUnexpectedExit: () => {},
});
await seed(stack);
await using receiver = await startReceiver();
const origin = `http://localhost:${stack.ports.gateway}`;
const addresses = usualAddresses(stack, receiver.port);

const surfaces = [];
for (const [name, record] of [
  ["wdm", recordWdm],
  ["wippy", recordWippy],
  ["dapr", recordDapr],
  ["shop", recordFlask],
] as const) {
  say(`Recording ${name}`);
  const recorder = createRecorder(origin, await documentAt(`/openapi/${name}.json`));
  await record(recorder.call);
  surfaces.push(recorder);
}
const v1 = createRecorder(origin, await documentAt("/openapi.json"));
await recordV1(v1.call);

await write("services/surfaces/src/openapi/examples.json", surfaces);
await write("services/gateway/src/openapi/v1-examples.json", [v1]);
const missing = [v1, ...surfaces].flatMap((recorder) => recorder.missing());
if (missing.length > 0) {
  process.stderr.write(`No scene in scripts/examples calls ${missing.join(", ")}.\n`);
  process.exitCode = 1;
}

/** Plays the scenes of /v1, those first whose answers would have what the others leave behind. */
async function recordV1(record: Recorder["call"]): Promise<void> {
  const secrets = await readSecrets(stack.stateDirectory);
  const scene: Scene = {
    call: async (operation, ask) => {
      say(`Recording ${operation}`);
      const answer = await record(operation, ask);
      if (operation === "createWebhookEndpoint") {
        receiver.secret = answer.secret;
      }
      return answer;
    },
    admin: await tokenOf("admin"),
    alice: await tokenOf("alice"),
    origin,
    dashboard: connectDashboard({
      address: stack.addresses["card-provider"] ?? "",
      apiKey: secrets.cardProviderApiKey,
    }),
    webhookSecrets: { card: secrets.cardProviderWebhookSecret, carrier: secrets.carrierWebhookSecret },
    receiverUrl: receiver.url,
    hasten: async (database, sql, values) => {
      const client = new pg.Client({ connectionString: stack.databaseUrl(database) });
      await client.connect();
      await client.query(sql, [...values]);
      await client.end();
    },
  };
  await recordCatalogue(scene);
  await recordCarts(scene);
  await recordTemplates(scene);
  const endpointId = await recordWebhooks(scene);
  await recordOrders(scene);
  await recordGuestOrders(scene);
  await recordDeliveries(scene, endpointId);
  await recordMoney(scene);
  await recordEvents(scene);
  await recordMessages(scene);
  await recordIncidents(scene);
  await recordProviderWebhooks(scene);
  await recordPeople(scene);
  await recordOperations(scene);
}

async function tokenOf(username: string): Promise<string> {
  return (await authorizationOf(stack.addresses, username)).replace("Bearer ", "");
}

async function documentAt(path: string): Promise<Json> {
  return await (await fetch(`${origin}${path}`)).json();
}

/** Returns the addresses of this shop, by those of a shop that `npm start` runs. */
function usualAddresses({ ports }: Stack, receiverPort: number): Map<string, string> {
  const usual = new Map<string, number>(Object.entries(usualPorts));
  const all = [...Object.entries(ports).map(([name, port]) => [port, usual.get(name)]), [receiverPort, 9000]];
  // In a URL's path and query, the colon is encoded.
  return new Map(all.flatMap(([from, to]) => [":", "%3A"].map((colon) => [`${colon}${from}`, `${colon}${to}`])));
}

async function write(path: string, recorders: readonly Recorder[]): Promise<void> {
  const examples = Object.assign({}, ...recorders.map((recorder) => recorder.examples()));
  const file = join(cloneFolder, path);
  await writeFile(file, `${JSON.stringify(stabilize(examples, addresses), undefined, 2)}\n`);
  await runToEnd(join(cloneFolder, "node_modules/.bin/biome"), ["format", "--write", file]);
  say(`Wrote ${path}`);
}
