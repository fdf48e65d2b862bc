import { type ActorRow, actorMessage } from "@sagacart/chassis/auth/actor";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import { type Account, type AccountKey, accountKey, type Posting } from "./account.ts";

/** Opens those accounts that do not exist, with a balance of zero. */
export async function insertAccounts(db: Queryable, keys: readonly AccountKey[]): Promise<void> {
  await db.query({
    name: "insert-accounts",
    // Sorted, so that two batches with the same customers do not deadlock.
    text: `insert into accounts (kind, customer_id, currency, balance)
           select 'CUSTOMER', customer_id, currency, 0
           from ${accountKeys.table} order by 2, 3
           on conflict do nothing`,
    values: accountKeys.values(keys),
  });
}

const accountKeys = unnest<AccountKey>("key", {
  customer_id: ["text", ({ customerId }) => customerId],
  currency: ["char(3)", ({ currency }) => currency],
});

export async function findAccount(db: Queryable, { customerId, currency }: AccountKey): Promise<Account | undefined> {
  const { rows } = await db.query<Row>({
    name: "find-account",
    text: `select ${columns} from accounts where customer_id = $1 and currency = $2`,
    values: [customerId, currency],
  });
  return rows.map(toAccount)[0];
}

/**
 * Locks accounts in the order of their ids, so that two transactions with the same ones do not deadlock. Returns them by
 * accountKey; those that do not exist are left out.
 */
export async function lockAccounts(tx: Transaction, keys: readonly AccountKey[]): Promise<Map<string, Account>> {
  if (keys.length === 0) {
    return new Map();
  }
  const unique = [...new Map(keys.map((key) => [accountKey(key), key])).values()];
  const { rows } = await tx.query<Row>({
    name: "lock-accounts",
    text: `select ${columns} from accounts
           where (customer_id, currency) in (select * from ${accountKeys.table})
           order by id for update`,
    values: accountKeys.values(unique),
  });
  return new Map(rows.map(toAccount).map((account) => [accountKey(account), account]));
}

/** Finds those of the customers who have an account in any currency. */
export async function findCustomers(db: Queryable, customerIds: readonly string[]): Promise<ReadonlySet<string>> {
  if (customerIds.length === 0) {
    return new Set();
  }
  const { rows } = await db.query<Pick<Row, "customer_id">>({
    name: "find-customers",
    text: "select distinct customer_id from accounts where customer_id = any($1)",
    values: [customerIds],
  });
  return new Set(rows.map(({ customer_id }) => customer_id));
}

/** Lists the accounts after this one, by customer and currency. */
export async function listAccounts(db: Queryable, after: AccountKey, limit: number): Promise<Account[]> {
  const { rows } = await db.query<Row>({
    name: "list-accounts",
    text: `select ${columns} from accounts
           where kind = 'CUSTOMER' and (customer_id, currency) > ($1, $2)
           order by customer_id, currency limit $3`,
    values: [after.customerId, after.currency, limit],
  });
  return rows.map(toAccount);
}

/** Lists the postings of an account before this one, newest first. */
export async function listPostings(
  db: Queryable,
  { accountId, before, limit }: { accountId: bigint; before: { entryId: string; line: number }; limit: number },
): Promise<Posting[]> {
  const { rows } = await db.query<PostingRow>({
    name: "list-postings",
    text: `select p.entry_id, p.line, e.kind, e.reference, p.amount_minor, e.actor_kind, e.actor_id,
                  e.create_time
           from postings p join journal_entries e on e.id = p.entry_id
           where p.account_id = $1 and (p.entry_id, p.line) < ($2::uuid, $3::smallint)
           order by p.entry_id desc, p.line desc limit $4`,
    values: [accountId, before.entryId, before.line, limit],
  });
  return rows.map((row) => ({
    entryId: row.entry_id,
    line: row.line,
    kind: row.kind,
    reference: row.reference,
    amountMinor: row.amount_minor,
    createTime: row.create_time,
    actor: actorMessage(row.actor_kind, row.actor_id),
  }));
}

type Row = {
  id: bigint;
  customer_id: string;
  currency: string;
  balance: bigint;
  create_time: Date;
  update_time: Date;
};

type PostingRow = ActorRow & {
  entry_id: string;
  line: number;
  kind: string;
  reference: string;
  amount_minor: bigint;
  create_time: Date;
};

const columns = "id, customer_id, currency, balance, create_time, update_time";

function toAccount(row: Row): Account {
  return {
    id: row.id,
    customerId: row.customer_id,
    currency: row.currency,
    balanceMinor: row.balance,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
