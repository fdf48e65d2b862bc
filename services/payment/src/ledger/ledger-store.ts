import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Entry, Ledger, SystemAccount } from "./ledger.ts";

/** An increase is positive, and a charge increases the sales: so cash and clearing have negative balances. */
export function createLedger(): Ledger {
  const known = new Map<string, bigint>();

  async function systemAccount(tx: Transaction, name: SystemAccount, currency: string): Promise<bigint> {
    const key = `${name} ${currency}`;
    const cached = known.get(key);
    if (cached !== undefined) {
      return cached;
    }
    const { id, committed } = (await findSystem(tx, name, currency)) ?? (await insertSystem(tx, name, currency));
    // One that this transaction made is gone if it is rolled back.
    if (committed) {
      known.set(key, id);
    }
    return id;
  }

  return {
    async post(tx, entries) {
      if (entries.length === 0) {
        return;
      }
      const lines: Line[] = [];
      const ids = entries.map(() => uuidv7());
      for (const [index, { account, counter, currency, gainMinor }] of entries.entries()) {
        const accountId = typeof account === "bigint" ? account : await systemAccount(tx, account, currency);
        const counterId = await systemAccount(tx, counter, currency);
        const entryId = ids[index] ?? "";

        lines.push({ entryId, line: 1, accountId, currency, amountMinor: gainMinor });
        lines.push({ entryId, line: 2, accountId: counterId, currency, amountMinor: -gainMinor });
      }
      await insertEntries(tx, entries, ids, lines);
    },
  };
}

type Line = { entryId: string; line: number; accountId: bigint; currency: string; amountMinor: bigint };

async function insertEntries(
  tx: Transaction,
  entries: readonly Entry[],
  ids: readonly string[],
  lines: readonly Line[],
): Promise<void> {
  await tx.query({
    name: "post-entries",
    text: `with entry as (
             insert into journal_entries (id, kind, reference)
             select * from unnest($1::uuid[], $2::text[], $3::text[])),
           posting as (
             insert into postings (entry_id, line, account_id, currency, amount_minor)
             select * from unnest($4::uuid[], $5::smallint[], $6::bigint[], $7::text[], $8::bigint[]))
           update accounts a set balance = a.balance + moved.sum, update_time = now()
           from (select account_id, sum(amount)::bigint as sum
                 from unnest($6::bigint[], $8::bigint[]) as line (account_id, amount) group by 1) as moved
           where a.id = moved.account_id and a.kind = 'CUSTOMER'`,
    values: [
      ids,
      entries.map(({ kind }) => kind),
      entries.map(({ reference }) => reference),
      lines.map(({ entryId }) => entryId),
      lines.map(({ line }) => line),
      lines.map(({ accountId }) => accountId),
      lines.map(({ currency }) => currency),
      lines.map(({ amountMinor }) => amountMinor),
    ],
  });
}

type Found = { id: bigint; committed: boolean };

async function findSystem(tx: Transaction, name: SystemAccount, currency: string): Promise<Found | undefined> {
  const { rows } = await tx.query<Found>({
    name: "find-system-account",
    text: "select id, create_time < now() as committed from accounts where name = $1 and currency = $2",
    values: [name, currency],
  });
  return rows[0];
}

async function insertSystem(tx: Transaction, name: SystemAccount, currency: string): Promise<Found> {
  await tx.query({
    name: "insert-system-account",
    text: "insert into accounts (kind, name, currency) values ('SYSTEM', $1, $2) on conflict do nothing",
    values: [name, currency],
  });
  const found = await findSystem(tx, name, currency);
  if (found === undefined) {
    throw new Error(`the account ${name} in ${currency} was made and is gone`);
  }
  return found;
}
