import { breaches, count, type Databases, type Report } from "./finding.ts";

/** Checks law 2: stock is conserved. */
export async function auditStock({ stock: db }: Databases): Promise<Report> {
  const findings = [
    ...(await breaches<{ product_id: string; on_hand: number; sum: string }>(db, {
      law: 2,
      sql: `select l.product_id, l.on_hand, coalesce(sum(m.delta), 0) as sum
            from levels l left join movements m using (product_id)
            group by l.product_id, l.on_hand having l.on_hand <> coalesce(sum(m.delta), 0)`,
      text: (row) => `product ${row.product_id} has ${row.on_hand} on hand, but movements of ${row.sum}`,
    })),
    ...(await breaches<{ product_id: string; reserved: number; sum: string }>(db, {
      law: 2,
      sql: `select l.product_id, l.reserved, coalesce(h.sum, 0) as sum
            from levels l
            left join (select n.product_id, sum(n.quantity) from reservation_lines n
                       join reservations r on r.id = n.reservation_id
                       where r.state in ('HELD', 'PINNED') group by 1) h using (product_id)
            where l.reserved <> coalesce(h.sum, 0)`,
      text: (row) => `product ${row.product_id} has ${row.reserved} reserved, but reservations of ${row.sum}`,
    })),
    ...(await breaches<{ product_id: string; on_hand: number; reserved: number }>(db, {
      law: 2,
      sql: "select product_id, on_hand, reserved from levels where reserved < 0 or reserved > on_hand",
      text: (row) => `product ${row.product_id} has ${row.reserved} reserved of ${row.on_hand} on hand`,
    })),
    ...(await breaches<{ id: string; product_id: string; sold: string; moved: string }>(db, {
      law: 2,
      sql: `select coalesce(c.id, s.reference) as id, coalesce(c.product_id, s.product_id) as product_id,
                   coalesce(c.sold, 0) as sold, coalesce(s.moved, 0) as moved
            from (select r.id, n.product_id, sum(n.quantity) as sold from reservations r
                  join reservation_lines n on n.reservation_id = r.id where r.state = 'COMMITTED' group by 1, 2) c
            full join (select reference, product_id, -sum(delta) as moved from movements
                       where reason = 'SALE' group by 1, 2) s
              on s.reference = c.id and s.product_id = c.product_id
            where coalesce(c.sold, 0) <> coalesce(s.moved, 0)`,
      text: (row) =>
        `reservation ${row.id} sold ${row.sold} of product ${row.product_id}, but ${row.moved} were deducted`,
    })),
  ];
  const checked = [
    `${await count(db, "select count(*) from levels")} stock levels`,
    `${await count(db, "select count(*) from movements")} movements`,
    `${await count(db, "select count(*) from reservations")} reservations`,
    `${await count(db, "select count(*) from reservations where kind = 'MANUAL'")} of them manual`,
  ];
  return { law: 2, checked, findings };
}
