import { breaches, count, type Databases, type Report } from "./finding.ts";

/** A caller who acts for others has a second key for each request (see callerGuard), whose outcome is with the first. */
const isOwnKey = (scope: string) => `${scope} not like 'by %'`;

/** Checks law 4: a repeated request takes effect once. */
export async function auditRequests({ order, payment }: Databases): Promise<Report> {
  const findings = [
    ...(await breaches<{ request_id: string; scope: string; resource_id: string | null }>(order, {
      law: 4,
      sql: `select r.request_id, r.scope, r.resource_id from requests r left join orders o on o.id = r.resource_id
            where r.method = 'Checkout' and r.failure is null and ${isOwnKey("r.scope")}
              -- A guest's order may be another customer's by now.
              and (o.id is null or coalesce(o.guest_customer_id, o.customer_id) <> r.scope)`,
      text: (row) =>
        `request ${row.request_id} of ${row.scope} was answered with order ${row.resource_id}, which is not an order of that customer`,
    })),
    ...(await breaches<{ request_id: string; scope: string }>(order, {
      law: 4,
      sql: `select request_id, scope from requests where resource_id is null and failure is null and ${isOwnKey("scope")}`,
      text: (row) => `request ${row.request_id} of ${row.scope} is recorded without an outcome`,
    })),
    ...(await breaches<{ cart_id: string; count: string }>(order, {
      law: 4,
      sql: `select cart_id, count(*) from orders
            where cart_id is not null and state not in ('COMPLETED', 'REJECTED', 'CANCELLED', 'EXPIRED')
            group by 1 having count(*) > 1`,
      text: (row) => `cart ${row.cart_id} has ${row.count} orders in progress`,
    })),
    ...(await breaches<{ order_id: string; count: string }>(payment, {
      law: 4,
      sql: `select order_id, count(*) from payments where state = 'CAPTURED' and order_id is not null
            group by 1 having count(*) > 1`,
      text: (row) => `order ${row.order_id} was charged ${row.count} times`,
    })),
  ];
  const checked = [`${await count(order, "select count(*) from requests")} recorded requests`];
  return { law: 4, checked, findings };
}
