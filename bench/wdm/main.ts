import "../../scripts/help.ts";
import { parseArgs } from "node:util";
import { runningShop } from "../../scripts/stack/state.ts";
import { percentile } from "../stats.ts";
import { type Answer, createClient, type WdmClient } from "./client.ts";

// A thousand users of the WDM surface, as in its stress test: each repeatedly checks out a random order, which may be
// paid already, and waits a second.
//
//     npm run bench:wdm -- --users 1000 --seconds 60 --rows 100000 [--pause 1] [--url http://localhost:8080] [--keep]
//
// Creates the rows first (--keep reuses existing ones). Exits with 1 unless every checkout was 2xx and no paid order
// was charged again. `npm run audit` checks the rest.

const { values } = parseArgs({
  options: {
    users: { type: "string", default: "1000" },
    seconds: { type: "string", default: "60" },
    rows: { type: "string", default: "100000" },
    pause: { type: "string", default: "1" },
    url: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});
const [users, seconds, rows, pause] = [values.users, values.seconds, values.rows, values.pause].map((text) => {
  const number = Number(text);
  if (!(number >= 0)) {
    throw new Error(`${text} is not a number`);
  }
  return number;
}) as [number, number, number, number];
const say = (line: string) => process.stdout.write(`${line}\n`);
const running = await runningShop();
const origin = values.url ?? `http://${running?.addresses.gateway ?? "localhost:8080"}`;
const client = createClient(origin, users);
const wrong: string[] = [];

if (!values.keep) {
  await makeRows();
}
await stress();
await checkPaidAgain();
await checkErrors();
client.close();
for (const line of wrong) {
  say(`FAILED: ${line}`);
}
process.exitCode = wrong.length === 0 ? 0 : 1;

async function makeRows(): Promise<void> {
  for (const [what, path] of [
    ["users", `payment/batch_init/${rows}/1000000`],
    ["items", `stock/batch_init/${rows}/1000000/1`],
    ["orders", `orders/batch_init/${rows}/${rows}/${rows}/1`],
  ] as const) {
    const startedAt = performance.now();
    const { status, type } = await client.send(`POST /${path}`);
    say(`${rows} ${what} in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
    expect(status === 200 && type.startsWith("application/json"), `batch_init of ${what}: ${status} ${type}`);
  }
}

async function stress(): Promise<void> {
  say(`${users} users check out at ${origin} for ${seconds} s, with a pause of ${pause} s between`);
  const latencies: number[] = [];
  const outcomes = new Map<string, number>();
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1_000;
  const shop = async (index: number) => {
    // Spread the users' first requests.
    await sleep((index / users) * pause * 1_000);
    while (performance.now() < endsAt) {
      const askedAt = performance.now();
      const outcome = await checkOut(client, anyOrder());
      latencies.push(performance.now() - askedAt);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      await sleep(pause * 1_000);
    }
  };
  await Promise.all(Array.from({ length: users }, (_, index) => shop(index)));
  const took = (performance.now() - startedAt) / 1_000;
  say(`${latencies.length} checkouts, ${(latencies.length / took).toFixed(0)}/s`);
  say(`p50 ${ms(0.5)}, p95 ${ms(0.95)}, p99 ${ms(0.99)}, longest ${ms(1)}`);
  for (const [outcome, count] of [...outcomes].sort(([, a], [, b]) => b - a)) {
    say(`${String(count).padStart(8)} ${outcome}`);
  }
  const bad = [...outcomes.keys()].filter((outcome) => !outcome.startsWith("200"));
  expect(bad.length === 0, `some checkouts were not 200: ${bad.join("; ")}`);

  function ms(share: number): string {
    return `${percentile(latencies, share).toFixed(0)} ms`;
  }
}

/** Checks that paid orders can be checked out again without a charge. */
async function checkPaidAgain(): Promise<void> {
  const ids = Array.from({ length: 100 }, anyOrder);
  for (const id of ids) {
    const first = await client.send(`POST /orders/checkout/${id}`);
    const { user_id } = (await client.send(`GET /orders/find/${id}`)).body;
    const before = await creditOf(user_id);
    const again = await client.send(`POST /orders/checkout/${id}`);
    expect(first.status === 200 && again.status === 200, `order ${id}: ${first.status}, then ${again.status}`);
    expect(again.body.msg === "already paid", `order ${id} was checked out again: ${again.body.msg}`);
    const after = await creditOf(user_id);
    expect(after === before, `order ${id} was charged again: user ${user_id} had ${before}, has ${after}`);
  }
  say("100 paid orders were checked out again: 200 and no charge");
}

/** Checks that refusals are problem documents that also have an `error` field. */
async function checkErrors(): Promise<void> {
  for (const [asked, status] of [
    ["POST /orders/checkout/nothing", 404],
    ["GET /payment/find_user/nobody", 404],
    ["POST /stock/subtract/0/1000000000", 409],
    ["POST /stock/add/0/much", 400],
  ] as const) {
    const answer = await client.send(asked);
    const isProblem = answer.type.startsWith("application/problem+json") && answer.body.status === answer.status;
    const { detail, error } = answer.body;
    expect(answer.status === status && isProblem, `${asked} is ${answer.status} ${answer.type}`);
    expect(typeof error === "string" && error === detail, `${asked}: error ${error}, detail ${detail}`);
  }
  say("refusals are problem documents (RFC 9457) with an `error`");
}

async function checkOut({ send }: WdmClient, order: number): Promise<string> {
  try {
    const { status, body }: Answer = await send(`POST /orders/checkout/${order}`);
    return `${status} ${body.msg ?? body.reason ?? ""}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function creditOf(user: string): Promise<number> {
  return (await client.send(`GET /payment/find_user/${user}`)).body.credit;
}

function anyOrder(): number {
  return Math.floor(Math.random() * rows);
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) {
    wrong.push(otherwise);
  }
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
