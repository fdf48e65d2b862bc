import { parseArgs } from "node:util";
import { readEnv } from "@sagacart/chassis/process/config";
import { createLog } from "@sagacart/chassis/process/log";
import { tlsEnv } from "@sagacart/chassis/tls/env";
import { openTls } from "@sagacart/chassis/tls/files";
import { type AuditOptions, audit } from "./audit/audit.ts";
import { plainTextUrls } from "./audit/plain-text-urls.ts";
import { printReports } from "./audit/print.ts";
import { recordedRuns } from "./audit/record-env.ts";
import { watchAudit } from "./audit/watch.ts";
import { auditedDatabases } from "./shop.ts";
import { runningShop, type ShopFile } from "./stack/state.ts";

const help = `usage: audit.ts [--every 10m [--metrics-port 9099] [--host 127.0.0.1]]

Checks laws 1 to 5 and 7 in all databases, once, and exits with 1 on a breach. With --every (s, m or h) it repeats the audit
until it is stopped, and serves metrics for Prometheus: over TLS if TLS_CERT_FILE and TLS_KEY_FILE name a certificate.

Records the verdict with the order service of the running shop, or that at ORDER_ADDRESS, where the console shows it. While another
audit runs, it waits for the verdict of that one.
`;
const { values } = parseArgs({
  options: {
    every: { type: "string" },
    "metrics-port": { type: "string", default: "9099" },
    host: { type: "string", default: "127.0.0.1" },
    help: { type: "boolean", default: false },
  },
});
const everyMs = values.every === undefined ? undefined : msOf(values.every);
const port = Number(values["metrics-port"]);
if (values.help || Number.isNaN(everyMs) || !Number.isInteger(port)) {
  (values.help ? process.stdout : process.stderr).write(help);
  process.exit(values.help ? 0 : 2);
}
const shop = await runningShop();
const urls = findUrls(shop);
if (urls === undefined) {
  process.stderr.write(
    "No shop is running here. Start one with `npm start`, or set AUDIT_ORDER_URL, AUDIT_STOCK_URL and so on for each database.\n",
  );
  process.exit(1);
}
if (process.env.AUDIT_REQUIRE_TLS === "true") {
  const plain = plainTextUrls(urls);
  if (plain.length > 0) {
    const names = plain.map((name) => `AUDIT_${name.toUpperCase()}_URL`).join(", ");
    process.stderr.write(`${names}: needs sslmode=verify-full, since AUDIT_REQUIRE_TLS is set: see k8s/README.md.\n`);
    process.exit(1);
  }
}
const say = (line: string) => process.stdout.write(`${line}\n`);
const log = createLog({ service: "audit", level: "warn" });
const tls = openTls({ config: readEnv(tlsEnv()), log });
const run = recordedRuns({ env: recordEnv(shop), log, tls, audit: () => audit({ urls }), say });
if (everyMs === undefined) {
  process.exit(await runOnce());
}
const watch = await watchAudit({
  ...{ audit: run, everyMs, host: values.host, port, tls },
  onResult: (result) => (result instanceof Error ? say(`audit: failed: ${result.message}`) : printReports(result, say)),
});
say(
  `auditing every ${values.every}; metrics at ${tls?.current.own === undefined ? "http" : "https"}://${values.host}:${watch.port}/metrics`,
);
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  // An audit only reads, so it can stop at any time.
  process.once(signal, () => process.exit(0));
}

/** Runs one audit. Returns the exit code: 0 only if it read all databases and found no breach. */
async function runOnce(): Promise<number> {
  try {
    return printReports(await run(), say) === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`audit: failed: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

/**
 * Returns the variables of the order service that keeps the verdicts: those of the environment, or those of the shop that runs
 * in this clone. That one does not keep the verdicts on other databases.
 */
function recordEnv(running: ShopFile | undefined): NodeJS.ProcessEnv {
  const isOfShop = auditedDatabases.every((name) => process.env[`AUDIT_${name.toUpperCase()}_URL`] === undefined);
  return process.env.ORDER_ADDRESS === undefined && isOfShop ? (running?.auditEnv ?? {}) : process.env;
}

/** Returns the databases from the environment, or else those of the shop that runs in this clone. */
function findUrls(running: ShopFile | undefined): AuditOptions["urls"] | undefined {
  const found = auditedDatabases.map((name) => {
    const url = process.env[`AUDIT_${name.toUpperCase()}_URL`] ?? running?.auditUrls[name];
    return url === undefined ? undefined : ([name, url] as const);
  });
  // The comparison needs all of them.
  return found.includes(undefined)
    ? undefined
    : (Object.fromEntries(found.filter((entry) => entry !== undefined)) as AuditOptions["urls"]);
}

/** Converts `90s`, `10m` or `1h` to ms. Returns NaN for anything else. */
function msOf(span: string): number {
  const [, count = "", unit = ""] = /^([1-9]\d{0,5})([smh])$/.exec(span) ?? [];
  return Number(count || Number.NaN) * ({ s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? Number.NaN);
}
