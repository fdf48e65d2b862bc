import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connectShop } from "../clients/typescript/src/node.ts";
import { exampleClients, runClient } from "./clients/clients.ts";
import { seed } from "./stack/seed.ts";
import { startStack } from "./stack/stack.ts";

// npm run clients: builds the clients below clients/ that this machine can build, and has each buy in a shop.

const usage = `Usage: npm run clients -- [options]

Builds each client below clients/ that this machine has the tools for. Each signs in as alice, buys, and decodes an error.

  --url URL      the gateway of a running shop with the user alice, for example http://127.0.0.1:8080; default: a shop of its own
  --only NAME    one client: ${exampleClients.map(({ name }) => name).join(", ")}; may be given several times
  --help         this text
`;
const { values } = parseArgs({
  options: {
    url: { type: "string" },
    only: { type: "string", multiple: true },
    help: { type: "boolean", default: false },
  },
});
const chosen = exampleClients.filter(({ name }) => values.only === undefined || values.only.includes(name));
if (values.help || chosen.length === 0) {
  (values.help ? process.stdout : process.stderr).write(usage);
  process.exit(values.help ? 0 : 1);
}
const say = (line: string) => process.stdout.write(`${line}\n`);

await using cleanup = new AsyncDisposableStack();
const url = values.url ?? (await ownShop());
const { products } = await connectShop({ baseUrl: url }).products.listProducts({});
const product = products.find(({ available, price }) => available > 0 && price?.currencyCode === "USD");
if (product === undefined) {
  throw new Error(`the shop at ${url} has no product for dollars in stock`);
}
for (const client of chosen) {
  const result = await runClient(client, { SHOP_URL: url, PRODUCT_ID: product.id });
  say(`\n${client.name}: ${result.kind}${result.kind === "bought" ? "" : `: ${result.reason}`}`);
  if (result.kind === "bought") say(result.output.trim().replaceAll(/^/gm, "  "));
  if (result.kind === "failed") process.exitCode = 1;
}

async function ownShop(): Promise<string> {
  const stateDirectory = await mkdtemp(join(tmpdir(), "sagacart-clients-"));
  const stack = cleanup.use(await startStack({ stateDirectory, ports: "free", temporary: true, log: say }));
  await seed(stack);
  return `http://${stack.addresses.gateway}`;
}
