import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { type AuditedDatabase, auditedDatabases } from "../shop.ts";
import { auditEvents } from "./events.ts";
import type { Databases, Finding, Report } from "./finding.ts";
import { auditMoney } from "./money.ts";
import { auditOrders } from "./orders.ts";
import { auditRequests } from "./requests.ts";
import { auditStock } from "./stock.ts";

export type AuditOptions = {
  /** Where the databases are, for a role that can only read. */
  readonly urls: Readonly<Record<AuditedDatabase, string>>;
  /** Apparent breaches are read again after this time: services commit at different moments. */
  readonly readAgainMs?: number;
  /** An order that has not changed for this long, and does not await payment, has stood still. */
  readonly stalledAfterMs?: number;
};

/** Reads laws 1 to 5 in all databases. A finding is reported if it is there both times. */
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
      // One moment for all that is read of a database, and no way to write.
      await client.query("begin transaction isolation level repeatable read read only");
    }
    // Every audited database was just connected, under its own name.
    const databases = Object.fromEntries(clients) as Databases;
    return [
      await auditMoney(databases),
      await auditStock(databases),
      await auditOrders(databases, { stalledAfterMs }),
      await auditRequests(databases),
      await auditEvents(databases),
    ];
  } finally {
    await Promise.all(clients.map(([, client]) => client.end().catch(() => {})));
  }
}

/**
 * A network's policies reach a new pod some moments after it has started; until then its connections are refused. A
 * database that begins again refuses too.
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
      if (!passing.has(code) || Date.now() > endAt) throw error;
      await setTimeout(500);
    }
  }
}

/** Not there yet, or not yet to be reached; the last is Postgres' own, when it starts. */
const passing = new Set(["ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ETIMEDOUT", "57P03"]);
