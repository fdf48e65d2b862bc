import { leftIn, personalTables } from "@sagacart/privacy/erase-store";
import { personalData, type ServiceWithTables } from "@sagacart/privacy/personal-data";
import type { AuditedDatabase } from "../shop.ts";
import { breaches, count, type Databases, type Finding, type Report } from "./finding.ts";

/** The databases with data of persons. Identity's, which the audit may not read, deletes it in the user's transaction. */
const services = ["order", "payment", "shipping", "notifier"] as const satisfies readonly (AuditedDatabase &
  ServiceWithTables)[];

/** Checks law 7: once a deleted customer's data is deleted, it is gone from every service, and nobody brings it back. */
export async function auditPrivacy(databases: Databases): Promise<Report> {
  const findings: Finding[] = [];
  const checked: string[] = [];
  for (const service of services) {
    const db = databases[service];
    for (const [name, table] of personalTables(personalData[service])) {
      const left = leftIn(table);
      if (left !== undefined) {
        findings.push(
          ...(await breaches<{ customer_id: string; count: string }>(db, {
            law: 7,
            sql: `select gone.customer_id, count(*) from erasures as gone
                  join ${name} as t on ${left.replaceAll("$1", "gone.customer_id")}
                  where gone.done_time is not null group by 1 order by 1`,
            text: (row) =>
              `${service} has personal data of the deleted customer ${row.customer_id} in ${row.count} rows of ${name}`,
          })),
        );
      }
    }
    checked.push(
      `${await count(db, "select count(*) from erasures where done_time is not null")} erasures of ${service}`,
    );
  }
  findings.push(...(await auditLateMessages(databases)));
  return { law: 7, checked, findings };
}

/** Checks that no message to a deleted customer was sent after the notifier was done with them. */
async function auditLateMessages({ notifier }: Databases): Promise<Finding[]> {
  return await breaches<{ id: string; customer_id: string }>(notifier, {
    law: 7,
    sql: `select m.id, m.customer_id from messages m join erasures e using (customer_id)
          where m.send_time > e.done_time and m.state = 'SENT'`,
    text: (row) => `message ${row.id} was sent to customer ${row.customer_id}, whose account was deleted before`,
  });
}
