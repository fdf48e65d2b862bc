import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import type { CartState } from "./cart.ts";
import type { Verdict } from "./idle-cart.ts";

/** A cart that is due for a check and that the caller has locked. */
export type DueCart = {
  readonly id: string;
  /** "" for a guest's cart. */
  readonly customerId: string;
  readonly name: string;
  readonly state: CartState;
  readonly isEmpty: boolean;
  readonly version: bigint;
  readonly eventSequence: bigint;
  readonly updateTime: Date;
  readonly notifiedExpireTime: Date | undefined;
};

type Row = {
  id: string;
  customer_id: string | null;
  name: string;
  state: CartState;
  is_empty: boolean;
  version: bigint;
  event_sequence: bigint;
  update_time: Date;
  notified_expire_time: Date | null;
  now: Date;
};

/** Locks carts that are due for a check, except those that another process has locked. Returns the database's time too. */
export async function lockDueCarts(tx: Transaction, limit: number): Promise<{ carts: DueCart[]; now: Date }> {
  const { rows } = await tx.query<Row>({
    name: "lock-due-carts",
    text: `with due as (
             select id, customer_id, name, state, version, event_sequence, update_time, remind_version, notified_expire_time
             from carts where idle_check_time <= now() order by idle_check_time limit $1
             for update skip locked
           )
           select id, customer_id, name, state, version, event_sequence, update_time, now(),
                  case when remind_version = version then notified_expire_time end as notified_expire_time,
                  not exists (select from cart_lines l where l.cart_id = due.id) as is_empty
           from due`,
    values: [limit],
  });
  const carts = rows.map((row) => ({
    id: row.id,
    customerId: row.customer_id ?? "",
    name: row.name,
    state: row.state,
    isEmpty: row.is_empty,
    version: row.version,
    eventSequence: row.event_sequence,
    updateTime: row.update_time,
    notifiedExpireTime: row.notified_expire_time ?? undefined,
  }));
  return { carts, now: rows[0]?.now ?? new Date() };
}

type Decided = { readonly cart: DueCart; readonly verdict: Verdict };

const verdicts = unnest<Decided>("v", {
  id: ["text", ({ cart }) => cart.id],
  kind: ["text", ({ verdict }) => verdict.kind],
  next_check: ["timestamptz", ({ verdict }) => ("at" in verdict ? verdict.at : null)],
  notified_expire_time: ["timestamptz", ({ verdict }) => (verdict.kind === "REMIND" ? verdict.expireTime : null)],
});

/** Applies verdicts to carts that the caller has locked, in one statement. */
export async function saveVerdicts(tx: Transaction, decided: readonly Decided[]): Promise<void> {
  await tx.query({
    name: "save-idle-verdicts",
    text: `update carts c
           set idle_check_time = v.next_check,
               event_sequence = c.event_sequence + case when v.kind in ('REMIND', 'EXPIRE') then 1 else 0 end,
               remind_version = case when v.kind = 'REMIND' then c.version else c.remind_version end,
               notified_expire_time = coalesce(v.notified_expire_time, c.notified_expire_time),
               state = case when v.kind = 'EXPIRE' then 'EXPIRED' else c.state end,
               is_default = c.is_default and v.kind <> 'EXPIRE',
               version = c.version + case when v.kind = 'EXPIRE' then 1 else 0 end,
               update_time = case when v.kind = 'EXPIRE' then now() else c.update_time end
           from ${verdicts.table} where c.id = v.id`,
    values: verdicts.values(decided),
  });
}
