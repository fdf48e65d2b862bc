import { subscribe } from "node:diagnostics_channel";
import { setTimeout as sleep } from "node:timers/promises";
import { flag, int, readEnv } from "@sagacart/chassis/process/config";
import { createBuyer, type Outcome } from "./buyer.ts";
import { createTally } from "./tally.ts";
import { operatorSession, shopEnv } from "./tokens.ts";

// Loads the gateway with concurrent buyers until SIGUSR2, SIGTERM or the time limit. Runs in the cluster. Prints JSON
// lines: `ready`, `failure` for each failed request, `count` once a second, `stopped`, and `end` with the summary when all
// orders were looked up. An accepted order that is not final in time counts as lost.

const config = readEnv({
  ...shopEnv,
  CALLERS: int({ min: 1, max: 1_000, default: 8 }),
  SECONDS: int({ min: 1, max: 86_400, default: 3_600 }),
  /** The pause of each caller between its orders. */
  PAUSE_MS: int({ min: 0, max: 60_000, default: 0 }),
  /** true: repeats a failed request with the same idempotency key until it succeeds. false: sends each request once. */
  RETRY: flag(false),
  /** The time for accepted orders to become final after the load. */
  FINAL_WITHIN_MS: int({ min: 1_000, max: 3_600_000, default: 120_000 }),
});
const say = (event: string, fields: object = {}) =>
  process.stdout.write(`${JSON.stringify({ event, at: new Date().toISOString(), ...fields })}\n`);

const stopping = new AbortController();
for (const signal of ["SIGUSR2", "SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => stopping.abort());
}
const tokens = operatorSession(config);
const buyer = await createBuyer({ gateway: config.GATEWAY_URL, tokens, callers: config.CALLERS });
const tally = createTally();
// Of fetch, which keeps its connections and repeats nothing.
subscribe("undici:client:connected", () => tally.connected());
say("ready", { callers: config.CALLERS, retry: config.RETRY });

const end = AbortSignal.any([stopping.signal, AbortSignal.timeout(config.SECONDS * 1_000)]);
const counting = setInterval(() => say("count", tally.count()), 1_000);
await Promise.all(buyer.customers.map(callUntilEnd));
clearInterval(counting);
say("stopped", tally.count());
const orders = await buyer.settle(tally.requested(), config.FINAL_WITHIN_MS);
say("end", { ...tally.summary(), ...orders });
process.exit(0);

async function callUntilEnd(customerId: string): Promise<void> {
  while (!end.aborted) {
    await buyOnce(customerId);
    await sleep(config.PAUSE_MS);
  }
}

async function buyOnce(customerId: string): Promise<void> {
  const orderId = buyer.nextOrderId();
  for (let attempt = 1; ; attempt += 1) {
    const outcome: Outcome = await buyer.buy(customerId, orderId);
    tally.add(orderId, outcome, attempt);
    if (outcome.kind === "answered") return;
    say("failure", { orderId, attempt, why: outcome.why, ms: Math.round(outcome.ms) });
    if (!config.RETRY || end.aborted) return;
    await sleep(100);
  }
}
