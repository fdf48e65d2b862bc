import "./help.ts";
import { parseArgs } from "node:util";
import { connectShop } from "./demo/shop.ts";
import { loadByCallers, loadByRate, makeGoods, tallyOf, untilFinal, wrongStock } from "./load/load.ts";
import { runningShop } from "./stack/state.ts";

// Loads the running shop with callers that order more than the stock and have less money than it costs:
//
//     npm run load -- --checkouts 10000 --callers 64 --products 20
//     npm run load -- --rate 50 --seconds 60
//
// With --rate it begins so many checkouts a second, however long each takes, and repeats with the same key those that are not
// answered, so that services may be killed meanwhile; SIGTERM or Ctrl-C ends it early. Prints how the orders ended, and checks
// that no more was sold than the stock. `npm run audit` checks the rest.

const { values } = parseArgs({
  options: {
    checkouts: { type: "string" },
    callers: { type: "string", default: "64" },
    products: { type: "string", default: "20" },
    rate: { type: "string" },
    seconds: { type: "string", default: "60" },
  },
});
const [callers, productCount, seconds] = [values.callers, values.products, values.seconds].map(Number);
const rate = values.rate === undefined ? undefined : Number(values.rate);
const checkouts = Number(values.checkouts ?? (rate === undefined ? 10_000 : rate * (seconds ?? 0)));
const say = (line: string) => process.stdout.write(`${line}\n`);

const addresses = await findAddresses();
const areNumbers = [checkouts, callers, productCount, seconds, rate ?? 1].every((value) => Number(value) > 0);
if (addresses === undefined || !callers || !productCount || !seconds || !areNumbers) {
  process.stderr.write(
    "No shop is running here (start one with npm start), or an argument is not a positive number.\n",
  );
  process.exit(1);
}
const stopping = new AbortController();
if (rate !== undefined) {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => stopping.abort());
  }
}
using shop = connectShop(addresses);
const goods = await makeGoods(shop, { checkouts, products: productCount, customers: callers });
say(
  `${productCount} products with ${goods.stocked} of each, ${callers} customers with ${goods.money} minor units each`,
);

const startedAt = Date.now();
const bought =
  rate === undefined
    ? await loadByCallers(shop, goods, checkouts)
    : await loadByRate(shop, goods, { perSecond: rate, seconds, signal: stopping.signal });
const took = (Date.now() - startedAt) / 1000;
say(`${bought.length} checkouts in ${took.toFixed(1)} s, ${(bought.length / took).toFixed(0)}/s`);
const ended = await untilFinal(shop, bought);
for (const [ending, count] of tallyOf(ended)) {
  say(`${String(count).padStart(7)} ${ending}`);
}
if (ended.some((one) => "failure" in one)) {
  say("some checkouts were not answered, so the stock is not checked");
  process.exitCode = 1;
} else {
  const wrong = await wrongStock(shop, goods, ended);
  for (const sentence of wrong) say(sentence);
  say(wrong.length > 0 ? "sold and remaining stock do not add up" : "sold and remaining stock add up");
  process.exitCode = wrong.length > 0 ? 1 : 0;
}

/** Returns the addresses that the launcher gives to a load of its own, or those of the shop that runs in this clone. */
async function findAddresses(): Promise<Readonly<Record<string, string>> | undefined> {
  const { SAGACART_ADDRESSES: given } = process.env;
  return given === undefined ? (await runningShop())?.addresses : JSON.parse(given);
}
