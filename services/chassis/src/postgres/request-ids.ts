import { createHash } from "node:crypto";
import { clone, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { Code } from "@connectrpc/connect";
import { callContext } from "../context.ts";
import { DomainError, defineReasons } from "../errors.ts";
import { type Pool, type Queryable, type Transaction, withTransaction } from "./pool.ts";

export const requestReasons = defineReasons({ REQUEST_ID_REUSED: Code.FailedPrecondition });

/** The DDL of the table that once() uses. A service's migrations contain a copy. */
export const requestsTable = `
create table requests (
  scope       text        not null, -- whose request ids they are: mostly a customer's id
  request_id  text        not null,
  method      text        not null,
  fingerprint bytea       not null, -- sha256 of the request
  resource_id text,                 -- the id of what it created
  failure     jsonb,                -- or its error
  create_time timestamptz not null default now(),
  primary key (scope, request_id),
  check (num_nonnulls(resource_id, failure) <= 1)
);
create index requests_create_time on requests (create_time);
`;

export type Request = {
  /** The owner of the request ids, for example a customer's id: two customers may choose the same request id. */
  scope: string;
  /** Without one (or with "") the request is not remembered. */
  requestId?: string | undefined;
  method: string;
  /** A hash of the request: see fingerprintOf. */
  fingerprint: Uint8Array;
  /** A second key that must not have been used for another request either. */
  guard?: Guard | undefined;
};

/** A key that is remembered with the content that it was used for; its outcome is remembered under the request's own key. */
export type Guard = {
  scope: string;
  requestId: string;
  fingerprint: Uint8Array;
};

/**
 * Returns the guard of a request that names a customer, or none (""). The request's own scope is the customer's, so a caller
 * who acts for several customers could otherwise use a request id once for each: its request ids are its own, too. That is a
 * person who acts for another, and a program that names nobody; one that names a customer passes on that customer's ids.
 * Where tokens are not checked, nobody is known.
 */
export function callerGuard(
  customerId: string,
  { requestId, fingerprint }: Pick<Guard, "requestId" | "fingerprint">,
): Guard | undefined {
  const principal = callContext()?.principal;
  if (requestId === "" || principal === undefined) {
    return undefined;
  }
  const isCustomer = principal.kind === "person" ? principal.customerId === customerId : customerId !== "";
  const caller = principal.customerId ?? principal.subject;
  return isCustomer ? undefined : { scope: `by ${caller}`, requestId, fingerprint };
}

/**
 * Creates something once per request id, and records its id in the same transaction. A repeat gets the first outcome, the
 * same id or the same DomainError; a repeat during the first request waits for it. The same request id with another method
 * or other content fails with FAILED_PRECONDITION / REQUEST_ID_REUSED.
 *
 * Transient failures (unavailable, overloaded, timed out) and bugs are not recorded.
 */
export async function once(
  pool: Pool,
  request: Request,
  make: (tx: Transaction) => Promise<string>,
): Promise<{ resourceId: string; replayed: boolean }> {
  const { requestId } = request;
  if (requestId === undefined || requestId === "") {
    return { resourceId: await withTransaction(pool, make), replayed: false };
  }
  const keyed = { ...request, requestId };
  try {
    return await withTransaction(pool, async (tx) => {
      await claimGuard(tx, keyed);
      // Waits here for a first request that is still in progress: the primary key is the lock.
      if (!(await claim(tx, keyed))) {
        return { resourceId: await replay(tx, keyed), replayed: true };
      }
      const resourceId = await make(tx);
      const update = "update requests set resource_id = $3 where scope = $1 and request_id = $2";
      await tx.query(update, [request.scope, requestId, resourceId]);
      return { resourceId, replayed: false };
    });
  } catch (error) {
    if (!(error instanceof DomainError) || !lasting.has(error.code) || error instanceof Replayed) {
      throw error;
    }
    // The rollback removed the rows. A savepoint would have kept them, for two more round trips in each request.
    await claimGuard(pool, keyed);
    if (await claim(pool, keyed, error)) {
      throw error;
    }
    // A repeat was faster in the meantime; its outcome counts.
    return { resourceId: await replay(pool, keyed), replayed: true };
  }
}

/**
 * Hashes a request's content by SHA-256, independent of the order of map entries. `without` names fields to leave out, such
 * as `request_id`, as the proto file writes them.
 */
export function fingerprintOf<D extends DescMessage>(
  schema: D,
  message: MessageShape<D>,
  options: { without?: readonly string[] } = {},
): Uint8Array {
  const copy = clone(schema, message);
  const fields = reflect(schema, copy);
  for (const name of options.without ?? []) {
    const field = schema.fields.find((field) => field.name === name);
    if (field === undefined) {
      throw new Error(`${schema.typeName} has no field ${name}`);
    }
    fields.clear(field);
  }
  sortMaps(fields);
  return createHash("sha256")
    .update(toBinary(schema, copy, { writeUnknownFields: false }))
    .digest();
}

const lasting = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.FailedPrecondition,
  Code.OutOfRange,
]);

type Keyed = Request & { requestId: string };

/** A recorded error, or one about the record: not to be recorded again. */
class Replayed extends DomainError {}

/** Claims the request's second key. Throws REQUEST_ID_REUSED if that was used for something else. */
async function claimGuard(db: Queryable, { method, guard }: Keyed): Promise<void> {
  if (guard === undefined || guard.requestId === "") {
    return;
  }
  const keyed = { ...guard, method };
  if (!(await claim(db, keyed)) && !(await find(db, keyed)).same) {
    throw reused(keyed);
  }
}

async function claim(db: Queryable, request: Keyed, failure?: DomainError): Promise<boolean> {
  const { rowCount } = await db.query(
    `insert into requests (scope, request_id, method, fingerprint, failure) values ($1, $2, $3, $4, $5)
     on conflict do nothing`,
    [request.scope, request.requestId, request.method, request.fingerprint, failure && failureJson(failure)],
  );
  return rowCount === 1;
}

type Row = { same: boolean; resource_id: string | null; failure: Failure | null };

async function find(db: Queryable, request: Keyed): Promise<Row> {
  const { rows } = await db.query<Row>(
    `select method = $3 and fingerprint = $4 as same, resource_id, failure
     from requests where scope = $1 and request_id = $2`,
    [request.scope, request.requestId, request.method, request.fingerprint],
  );
  const row = rows[0];
  if (row === undefined) {
    throw new Error(`request ${request.requestId} was recorded, and its row is gone`);
  }
  return row;
}

function reused({ requestId }: Keyed): Replayed {
  const message = `request id ${requestId} was used before, for something else; choose a new one`;
  return new Replayed(requestReasons, "REQUEST_ID_REUSED", message, { request_id: requestId });
}

async function replay(db: Queryable, request: Keyed): Promise<string> {
  const row = await find(db, request);
  if (!row.same) {
    throw reused(request);
  }
  if (row.failure !== null) {
    const { code, reason, message, metadata } = row.failure;
    throw new Replayed({ [reason]: code }, reason, message, metadata);
  }
  if (row.resource_id === null) {
    throw new Error(`request ${request.requestId} is recorded without an outcome`);
  }
  return row.resource_id;
}

type Failure = { code: Code; reason: string; message: string; metadata: Record<string, string> };

function failureJson({ code, reason, message, metadata }: DomainError): string {
  return JSON.stringify({ code, reason, message, metadata });
}

/** Sorts map entries, which the binary format writes in insertion order. Everything else has only one order. */
function sortMaps(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) {
      continue;
    }
    if (field.fieldKind === "map") {
      const map = message.get(field);
      const entries = [...map.entries()].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
      map.clear();
      for (const [key, value] of entries) {
        if (field.mapKind === "message") {
          sortMaps(value as ReflectMessage);
        }
        map.set(key, value);
      }
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      for (const item of message.get(field)) {
        sortMaps(item as ReflectMessage);
      }
    } else if (field.fieldKind === "message") {
      sortMaps(message.get(field));
    }
  }
}
