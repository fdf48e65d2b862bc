import { type AuditOptions, audit } from "./audit/audit.ts";
import { auditedDatabases } from "./audit/finding.ts";
import { printReports } from "./audit/print.ts";
import { runningShop } from "./stack/state.ts";

const urls = await findUrls();
if (urls === undefined) {
  process.stderr.write(
    "No shop runs here. Start one with `npm start`, or name each database by AUDIT_ORDER_URL, AUDIT_STOCK_URL and so on.\n",
  );
  process.exit(1);
}
const reports = await audit({ urls });
process.exit(printReports(reports, (line) => process.stdout.write(`${line}\n`)) === 0 ? 0 : 1);

/** The databases that the environment names, or else those of the shop that runs in this clone. */
async function findUrls(): Promise<AuditOptions["urls"] | undefined> {
  const shop = await runningShop();
  const found = auditedDatabases.map((name) => {
    const url = process.env[`AUDIT_${name.toUpperCase()}_URL`] ?? shop?.auditUrls[name];
    return url === undefined ? undefined : ([name, url] as const);
  });
  // All of them, or there is nothing to compare.
  return found.includes(undefined)
    ? undefined
    : (Object.fromEntries(found.filter((entry) => entry !== undefined)) as AuditOptions["urls"]);
}
