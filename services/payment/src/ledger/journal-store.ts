import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type ActorRow, actorMessage } from "@sagacart/chassis/auth/actor";
import type { Queryable } from "@sagacart/chassis/postgres/pool";
import {
  type JournalEntry,
  JournalEntrySchema,
  type JournalLine,
  JournalLineSchema,
} from "@sagacart/proto/payment/v1/account";

/** Finds an entry of the journal with its lines. */
export async function findEntry(db: Queryable, id: string): Promise<JournalEntry | undefined> {
  const { rows } = await db.query<Row>({
    name: "find-journal-entry",
    text: `with entry as (select * from journal_entries where id = $1) ${withLines}`,
    values: [id],
  });
  return rows.map(toMessage)[0];
}

/** Lists the entries before this one, newest first: of one reference, or all if it is empty. */
export async function listEntries(
  db: Queryable,
  { reference, before, limit }: { reference: string; before: string; limit: number },
): Promise<JournalEntry[]> {
  const { rows } = await db.query<Row>(
    `with entry as (
       select * from journal_entries where id < $1::uuid ${reference === "" ? "" : "and reference = $3 and reference <> ''"}
       order by id desc limit $2) ${withLines}`,
    [before, limit, ...(reference === "" ? [] : [reference])],
  );
  return rows.map(toMessage);
}

const withLines = `
  select e.id, e.kind, e.reference, e.create_time, e.actor_kind, e.actor_id,
    (select json_agg(json_build_object('customerId', a.customer_id, 'shopAccount', a.name, 'currency', p.currency,
       'minor', p.amount_minor::text) order by p.line)
     from postings p join accounts a on a.id = p.account_id where p.entry_id = e.id) as lines
  from entry e order by e.id desc`;

type Row = ActorRow & {
  id: string;
  kind: string;
  reference: string;
  create_time: Date;
  lines: { customerId: string | null; shopAccount: string | null; currency: string; minor: string }[];
};

function toMessage(row: Row): JournalEntry {
  const actor = actorMessage(row.actor_kind, row.actor_id);
  return create(JournalEntrySchema, {
    id: row.id,
    kind: row.kind,
    reference: row.reference,
    lines: row.lines.map(lineMessage),
    createTime: timestampFromDate(row.create_time),
    ...(actor === undefined ? {} : { actor }),
  });
}

function lineMessage({ customerId, shopAccount, currency, minor }: Row["lines"][number]): JournalLine {
  return create(JournalLineSchema, {
    account:
      customerId === null
        ? { case: "shopAccount", value: shopAccount ?? "" }
        : { case: "customerId", value: customerId },
    amount: { currencyCode: currency, minorUnits: BigInt(minor) },
  });
}
