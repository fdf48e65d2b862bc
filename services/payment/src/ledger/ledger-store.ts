import type { Actor } from "@sagacart/chassis/auth/actor";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
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
    // An account that this transaction made does not exist if it is rolled back.
    if (committed) {
      known.set(key, id);
    }
    return id;
  }

  return {
    async post(tx, entries, actor) {
      if (entries.length === 0) {
        return;
      }
      const numbered = entries.map((entry) => ({ ...entry, id: uuidv7() }));
      const lines: Line[] = [];
      for (const { id: entryId, account, counter, currency, gainMinor } of numbered) {
        const accountId = typeof account === "bigint" ? account : await systemAccount(tx, account, currency);
        const counterId = await systemAccount(tx, counter, currency);
        lines.push({ entryId, line: 1, accountId, currency, amountMinor: gainMinor });
        lines.push({ entryId, line: 2, accountId: counterId, currency, amountMinor: -gainMinor });
      }
      await insertEntries(tx, numbered, lines, actor);
    },
  };
}

type NumberedEntry = Entry & { readonly id: string };

type Line = { entryId: string; line: number; accountId: bigint; currency: string; amountMinor: bigint };

async function insertEntries(
  tx: Transaction,
  entries: readonly NumberedEntry[],
  lines: readonly Line[],
  actor: Actor | undefined,
): Promise<void> {
  // Two statements, since charges are written for every order.
  const by = actor === undefined ? [] : [actor.kind, actor.id];
  await tx.query({
    name: actor === undefined ? "post-entries" : "post-entries-by-hand",
    text: `with entry as (
             insert into journal_entries (${newEntries.columns}${actor === undefined ? "" : ", actor_kind, actor_id"})
             select *${actor === undefined ? "" : ", $9::text, $10::text"} from ${newEntries.table}),
           posting as (
             insert into postings (${newLines.columns}) select * from ${newLines.table})
           update accounts a set balance = a.balance + moved.sum, update_time = now()
           from (select account_id, sum(amount_minor)::bigint as sum from ${newLines.table} group by 1) as moved
           where a.id = moved.account_id and a.kind = 'CUSTOMER'`,
    values: [...newEntries.values(entries), ...newLines.values(lines), ...by],
  });
}

const newEntries = unnest<NumberedEntry>("entry", {
  id: ["uuid", ({ id }) => id],
  kind: ["text", ({ kind }) => kind],
  reference: ["text", ({ reference }) => reference],
});

const newLines = unnest<Line>(
  "line",
  {
    entry_id: ["uuid", ({ entryId }) => entryId],
    line: ["smallint", ({ line }) => line],
    account_id: ["bigint", ({ accountId }) => accountId],
    currency: ["text", ({ currency }) => currency],
    amount_minor: ["bigint", ({ amountMinor }) => amountMinor],
  },
  4,
);

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
    throw new Error(`the account ${name} in ${currency} was inserted but is gone`);
  }
  return found;
}
