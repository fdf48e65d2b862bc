import "../../scripts/help.ts";
import { parseArgs } from "node:util";
import { audit } from "../../scripts/audit/audit.ts";
import { printReports } from "../../scripts/audit/print.ts";
import { runningShop } from "../../scripts/stack/state.ts";
import { authorizationOf } from "../../scripts/stack/tokens.ts";
import { faultLine, fuzz } from "./fuzz.ts";
import { shopToFuzz } from "./shop-to-fuzz.ts";

// Sends mutated requests to all routes of the running shop, and audits it afterwards.
//
//     npm run fuzz -- --count 20000 --seed 7
//
// Exits with 1 if one is answered with a 5xx (but a 503 with Retry-After) or not at all, or if the audit finds a breach.

const { values } = parseArgs({
  options: { count: { type: "string", default: "2000" }, seed: { type: "string", default: String(Date.now() % 1e9) } },
});
const [count, seed] = [Number(values.count), Number(values.seed)];
const running = await runningShop();
if (running === undefined || !Number.isInteger(count) || !Number.isInteger(seed)) {
  process.stderr.write("usage: npm run fuzz -- [--count 2000] [--seed 1], beside a shop that npm start runs\n");
  process.exit(2);
}
const gateway = running.addresses.gateway ?? "";
const { addresses } = running;
const makeCallers = shopToFuzz(gateway, () => authorizationOf(addresses, "admin"));
process.stdout.write(`${count} requests, seed ${seed}\n`);
const { statuses, faults } = await fuzz({ gateway, makeCallers, count, seed });
for (const [caller, answers] of Object.entries(statuses)) {
  const counts = Object.entries(answers).map(([status, times]) => `${status}: ${times}`);
  process.stdout.write(`${caller}: ${counts.join(", ")}\n`);
}
for (const fault of faults.slice(0, 20)) process.stdout.write(`${faultLine(fault)}\n`);
process.stdout.write(`${faults.length} faults, seed ${seed}\n`);
const breaches = printReports(await audit({ urls: running.auditUrls }), (line) => process.stdout.write(`${line}\n`));
process.exit(faults.length === 0 && breaches === 0 ? 0 : 1);
