import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { type AuditedDatabase, auditedDatabases } from "../shop.ts";
import { auditEvents } from "./events.ts";
import type { Databases, Finding, Report } from "./finding.ts";
import { auditMoney } from "./money.ts";
import { auditOrders } from "./orders.ts";
import { auditPrivacy } from "./privacy.ts";
import { auditRequests } from "./requests.ts";
import { auditStock } from "./stock.ts";

export type AuditOptions = {
  /** The connection strings of the databases, for a read-only role. */
  readonly urls: Readonly<Record<AuditedDatabase, string>>;
  /** The delay before apparent breaches are read again: services commit at different moments. */
  readonly readAgainMs?: number;
  /** An order is stalled if it has not changed for this long and does not await payment. */
  readonly stalledAfterMs?: number;
};

/** Checks laws 1 to 5 and 7 in all databases. Reads apparent breaches twice and reports those that are there both times. */
export async function audit(options: AuditOptions): Promise<Report[]> {
  const first = await readAll(options);
  if (first.every(({ findings }) => findings.length === 0)) {
    return first;
  }
  await setTimeout(options.readAgainMs ?? 5_000);
  const seen = new Set(first.flatMap(({ findings }) => findings).map(keyOf));
  const second = await readAll(options);
  return second.map((report) => ({
    ...report,
    findings: report.findings.filter((finding) => seen.has(keyOf(finding))),
  }));
}

function keyOf({ law, what }: Finding): string {
  return `${law} ${what}`;
}

async function readAll({ urls, stalledAfterMs = 600_000 }: AuditOptions): Promise<Report[]> {
  const clients: (readonly [AuditedDatabase, pg.Client])[] = [];
  try {
    for (const name of auditedDatabases) {
      const client = await connect(urls[name]);
      clients.push([name, client]);
      // One read-only snapshot for all queries of a database.
      await client.query("begin transaction isolation level repeatable read read only");
    }
    // The loop connected every audited database.
    const databases = Object.fromEntries(clients) as Databases;
    return [
      await auditMoney(databases),
      await auditStock(databases),
      await auditOrders(databases, { stalledAfterMs }),
      await auditRequests(databases),
      await auditEvents(databases),
      await auditPrivacy(databases),
    ];
  } finally {
    await Promise.all(clients.map(([, client]) => client.end().catch(() => {})));
  }
}

/**
 * Connects, with retries for 30 s: a new pod's connections are refused until the network policies include it, and a
 * restarting database refuses them too.
 */
async function connect(url: string): Promise<pg.Client> {
  const endAt = Date.now() + 30_000;
  for (;;) {
    const client = new pg.Client({ connectionString: url, application_name: "audit", connectionTimeoutMillis: 5_000 });
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      if (!transient.has(code) || Date.now() > endAt) throw error;
      await setTimeout(500);
    }
  }
}

/** Network errors, and Postgres' code for "starting up" (57P03). */
const transient = new Set(["ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ETIMEDOUT", "57P03"]);
