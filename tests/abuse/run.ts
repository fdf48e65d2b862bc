import "../../scripts/help.ts";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { authorizationOf } from "../../scripts/stack/tokens.ts";
import { startTestStack } from "../support/stack.ts";
import type { Target } from "./attack.ts";
import { attacks } from "./attacks.ts";
import { makeCustomer } from "./make-customer.ts";
import { type Measured, measureOthers } from "./others.ts";

// Attacks a shop of its own, one attack after the other, while another caller's requests are measured.
//
//     node tests/abuse/run.ts [--only "rapid reset"] [--seconds 10]
//
// Exits with 1 unless, during each attack, the others' p99 stays under 500 ms, none of their requests fails with 5xx or
// without an answer, the gateway stays under 400 MiB, and it lets go of the attack's connections. Where the p99 is above
// 125 ms without any attack, the machine is too slow or too busy to tell an attack by 500 ms: there, the limit is four times
// what it is without one, and the output says so. Needs Linux, whose loopback has an address for each caller.

const limits = { p99Ms: 500, memoryMiB: 400 };

/** How much longer than without an attack others may wait, on a machine where that is more than the limit. */
const timesQuiet = 4;

const { values } = parseArgs({
  options: { only: { type: "string" }, seconds: { type: "string", default: "10" } },
});
const ms = Number(values.seconds) * 1_000;
const names = Object.keys(attacks).filter((name) => values.only === undefined || name === values.only);
if (names.length === 0 || !(ms > 0)) {
  process.stderr.write(
    `usage: node tests/abuse/run.ts [--only NAME] [--seconds 10], NAME one of ${Object.keys(attacks).join(", ")}\n`,
  );
  process.exit(2);
}

/**
 * The limits of a gateway in production, those of a laptop's shop are wide, since all its callers are one; but its times are
 * shorter, so that an attack sees the end of what it holds.
 */
const asInProduction = {
  WRITES_PER_MINUTE: "600",
  SIGN_INS_PER_MINUTE: "60",
  MAX_CONNECTIONS_PER_ADDRESS: "100",
  MAX_STREAMS_PER_CONNECTION: "100",
  REQUESTS_PER_CALLER: "64",
  REQUESTS_AT_A_TIME: "2000",
  STREAMS_PER_CALLER: "20",
  BODY_BYTES_PER_CALLER: "8388608",
  REQUEST_TIMEOUT_MS: "2000",
  STALLED_ANSWER_MS: "2000",
  IDLE_TIMEOUT_MS: "3000",
};

process.stdout.write("Starting a shop …\n");
await using stack = await startTestStack({ env: { gateway: asInProduction } });
const gateway = stack.addresses.gateway ?? "";
const [host = "", port = ""] = gateway.split(":");
const admin = await authorizationOf(stack.addresses, "admin");
const [attacker, other] = [await makeCustomer(gateway, admin), await makeCustomer(gateway, admin)];
const target: Target = {
  host,
  port: Number(port),
  from: "127.0.0.2",
  ...attacker,
};
const options = {
  host,
  port: Number(port),
  from: "127.0.0.3",
  authorization: other.authorization,
  paths: ["/v1/products?pageSize=10", `/v1/orders/${other.orderId}`, `/v1/orders?customerId=${other.userId}`],
  gatewayPid: stack.pids().gateway ?? 0,
};

print(
  "attack",
  { requests: "requests", p50Ms: "p50", p99Ms: "p99", worstMs: "worst", failures: "failed", mostMemoryMiB: "MiB" },
  "",
);
const unattacked = await measureOthers(options, AbortSignal.timeout(ms));
print("none", unattacked, "");
const mostP99Ms = Math.max(limits.p99Ms, timesQuiet * unattacked.p99Ms);
if (mostP99Ms > limits.p99Ms) {
  process.stdout.write(
    `This machine is slow or busy: the p99 is ${unattacked.p99Ms} ms without an attack. So its limit is ${timesQuiet} times\n` +
      `that, ${mostP99Ms} ms, and not ${limits.p99Ms} ms. Repeat it on a quiet machine.\n`,
  );
}
let broken = 0;
for (const name of names) {
  const attack = promisify(execFile)(
    process.execPath,
    [fileURLToPath(new URL("attacker.ts", import.meta.url)), name, JSON.stringify(target), String(ms)],
    { timeout: ms + 60_000 },
  );
  const outcome = attack.then(
    ({ stdout }) => ({ isRepelled: true, text: stdout }),
    (error: Error & { stderr?: string }) => ({ isRepelled: false, text: error.stderr || error.message }),
  );
  const [{ isRepelled, text }, measured] = await Promise.all([
    outcome,
    measureOthers(options, AbortSignal.timeout(ms)),
  ]);
  const holds = isRepelled && isWithin(measured);
  broken += holds ? 0 : 1;
  print(name, measured, `${holds ? "holds" : "BROKEN"}  ${text.trim()}`);
}
process.stdout.write(
  broken === 0
    ? `\nAll hold: p99 under ${mostP99Ms} ms, under ${limits.memoryMiB} MiB, no failures.\n`
    : `\n${broken} of ${names.length} do not hold.\n`,
);
process.exitCode = broken === 0 ? 0 : 1;

function isWithin({ requests, p99Ms, failures, mostMemoryMiB }: Measured): boolean {
  return requests > 0 && failures === 0 && p99Ms < mostP99Ms && mostMemoryMiB < limits.memoryMiB;
}

function print(name: string, row: Readonly<Record<keyof Measured, string | number>>, rest: string): void {
  const columns = [row.requests, row.p50Ms, row.p99Ms, row.worstMs, row.failures, row.mostMemoryMiB];
  process.stdout.write(`${name.padEnd(16)}${columns.map((cell) => String(cell).padStart(9)).join("")}  ${rest}\n`);
}
