import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { personalTables } from "@sagacart/privacy/erase-store";
import { personalData } from "@sagacart/privacy/personal-data";
import { plant } from "@sagacart/privacy/testing/plant";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AuditedDatabase, auditedDatabases, byName } from "../shop.ts";
import { audit } from "./audit.ts";

// Tests that law 7 can be broken: each breach is planted and found. A shop's databases without a shop.

const cleanup = new AsyncDisposableStack();
let databases: Readonly<Record<AuditedDatabase, TestDatabase>>;

beforeAll(async () => {
  const made = new Map<AuditedDatabase, TestDatabase>();
  for (const name of auditedDatabases) {
    made.set(name, cleanup.use(await testDatabase(new URL(`../../services/${name}/migrations/`, import.meta.url))));
  }
  databases = byName(auditedDatabases, (name) => made.get(name)!);
});
afterAll(() => cleanup.disposeAsync());

async function breaches(): Promise<string[]> {
  const urls = byName(auditedDatabases, (name) => databases[name].url);
  const reports = await audit({ urls, readAgainMs: 0 });
  return reports.flatMap(({ law, findings }) => (law === 7 ? findings.map(({ what }) => what) : []));
}

const services = ["order", "payment", "shipping", "notifier"] as const;

test.each(services)(
  "finds what %s still has of a deleted customer, in every table, and nothing of others",
  async (service) => {
    const { pool } = databases[service];
    for (const customerId of ["victim", "witness"]) {
      for (const text of plant(service, customerId)) {
        await pool.query(text);
      }
    }
    await pool.query("insert into erasures (customer_id) values ('victim')");
    expect(await breaches()).toEqual([]);

    await pool.query("update erasures set done_time = now()");

    const tables = personalTables(personalData[service])
      .filter(
        ([, { rows, columns }]) => rows.areDeleted || Object.values(columns).some(({ kind }) => kind === "erased"),
      )
      .map(([name]) => name);
    const found = await breaches();
    expect(found.map((what) => what.replace(/in \d+ rows/, "in rows")).toSorted()).toEqual(
      tables
        .map((table) => `${service} has personal data of the deleted customer victim in rows of ${table}`)
        .toSorted(),
    );
    await pool.query("delete from erasures");
  },
);

test("finds a message that was sent after the customer's data was deleted", async () => {
  const { pool } = databases.notifier;
  await pool.query(`insert into erasures (customer_id, done_time) values ('late', now() - interval '1 minute')`);
  await pool.query(
    `insert into messages (id, event_id, event_type, order_id, cart_id, customer_id, channel, recipient, name, language,
       template_version, facts, state, send_time)
     values ('late', 'e', 'sagacart.order.completed.v1', 'o', '', 'late', 'EMAIL', 'late@mail.test', '', 'en', 1, '{}',
       'SENT', now())`,
  );
  expect(await breaches()).toContain("message late was sent to customer late, whose account was deleted before");
});
