import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { Audit_LawSchema } from "@sagacart/proto/order/v1/audit";
import { microsOf, type TimeKey, timeOf } from "../time-key.ts";
import type { Audit, AuditEnd, AuditState } from "./audit.ts";

/** How long after the last word of its program an audit counts as one that was killed. It reports every 15 s. */
const silence = "interval '60 s'";

/** How many audits are kept. */
const kept = 1_000;

/**
 * Begins an audit, or notes that it goes on, unless another one runs. Returns the one that runs, or the audit itself if it has
 * ended already. The lock makes two that begin at once one.
 */
export async function beginAudit(tx: Transaction, id: string): Promise<Audit> {
  await tx.query("lock table audits in share row exclusive mode");
  const { rows: others } = await tx.query<Row>(
    `select ${columns} from audits
     where state = 'RUNNING' and id <> $1 and seen_time > clock_timestamp() - ${silence}
     order by start_time desc, id desc limit 1`,
    [id],
  );
  if (others[0] !== undefined) {
    return toAudit(others[0]);
  }
  await tx.query(
    `delete from audits where (start_time, id) <
       (select start_time, id from audits order by start_time desc, id desc offset $1 limit 1)`,
    [kept - 2],
  );
  await tx.query(
    `insert into audits (id) values ($1)
     on conflict (id) do update set seen_time = clock_timestamp() where audits.state = 'RUNNING'`,
    [id],
  );
  const audit = await loadAudit(tx, id);
  if (audit === undefined) {
    throw new Error(`audit ${id} was written and is not there`);
  }
  return audit;
}

/** Records how an audit ended, unless it has ended already. Returns it as it is then; undefined if there is none. */
export async function endAudit(db: Queryable, id: string, end: AuditEnd): Promise<Audit | undefined> {
  const [laws, failure] = end.state === "FAILED" ? [[], end.failure] : [end.laws, ""];
  await db.query(
    `update audits set state = $2, laws = $3, failure = $4, end_time = clock_timestamp(), seen_time = clock_timestamp()
     where id = $1 and state = 'RUNNING'`,
    [id, end.state, JSON.stringify(laws.map((law) => toJson(Audit_LawSchema, law))), failure],
  );
  return loadAudit(db, id);
}

export async function loadAudit(db: Queryable, id: string): Promise<Audit | undefined> {
  const { rows } = await db.query<Row>(`select ${columns} from audits where id = $1`, [id]);
  return rows[0] && toAudit(rows[0]);
}

/**
 * Lists a page of audits, newest first, with the key of the last one if there are more. A page has fewer than `limit` where they
 * are large, and always one: the bytes are bounded here, so that a page of many breaches is not read only to be thrown away.
 */
export async function listAudits(
  db: Queryable,
  { after, limit }: { readonly after: TimeKey | undefined; readonly limit: number },
): Promise<{ audits: Audit[]; more: TimeKey | undefined }> {
  const { rows } = await db.query<Row & { micros: bigint; found: number }>(
    `with found as (
       select ${columns}, ${microsOf("start_time")} as micros,
              octet_length(laws::text) + octet_length(failure) as bytes
       from audits
       where ($1::bigint is null or (start_time, id) < (${timeOf("$1")}, $2::text))
       order by start_time desc, id desc limit $3 + 1
     ), counted as (
       select *, row_number() over newest_first as nth, sum(bytes) over newest_first as bytes_so_far,
              (count(*) over ())::integer as found
       from found window newest_first as (order by start_time desc, id desc)
     )
     select * from counted where nth = 1 or (nth <= $3 and bytes_so_far <= $4) order by nth`,
    [after?.micros ?? null, after?.id ?? null, limit, mostPageBytes],
  );
  return { audits: rows.map(toAudit), more: rows.length < (rows[0]?.found ?? 0) ? rows.at(-1) : undefined };
}

/** A response may have 4 MiB. The laws are smaller in it than their JSON, which is what is counted. */
const mostPageBytes = 3 * 1024 * 1024;

type Row = {
  id: string;
  state: AuditState;
  start_time: Date;
  end_time: Date | null;
  laws: JsonValue[];
  failure: string;
};

const columns = `id,
  case when state = 'RUNNING' and seen_time <= clock_timestamp() - ${silence} then 'DID_NOT_FINISH' else state end as state,
  start_time, end_time, laws, failure`;

function toAudit(row: Row): Audit {
  return {
    id: row.id,
    state: row.state,
    startTime: row.start_time,
    endTime: row.end_time ?? undefined,
    laws: row.laws.map((law) => fromJson(Audit_LawSchema, law, { ignoreUnknownFields: true })),
    failure: row.failure,
  };
}
