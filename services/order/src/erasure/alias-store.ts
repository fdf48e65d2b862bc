import type { Queryable } from "@sagacart/chassis/postgres/pool";

/** Finds the ids that a customer had as a guest, in the orders that the customer has claimed. */
export async function findGuestIds(db: Queryable, customerId: string): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>({
    name: "find-guest-ids",
    text: `select distinct guest_customer_id as id from orders
           where customer_id = $1 and guest_customer_id is not null order by id`,
    values: [customerId],
  });
  return rows.map(({ id }) => id);
}
