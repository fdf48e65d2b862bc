import type { Code } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import type { Queryable } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";

/** The answer to an earlier request. */
export type Remembered = {
  readonly method: string;
  readonly fingerprint: Uint8Array;
  readonly resourceId: string;
  readonly failure: DomainError | undefined;
};

type Failure = { code: Code; reason: string; message: string; metadata: Record<string, string> };
type Key = { readonly scope: string; readonly requestId: string };

const keyColumns = {
  scope: ["text", ({ scope }: Key) => scope],
  request_id: ["text", ({ requestId }: Key) => requestId],
} as const;
const keys = unnest<Key>("k", keyColumns);

/**
 * Finds the requests that were answered before, by "<scope> <request id>". This is the set-based form of the chassis'
 * once(), on the same table.
 */
export async function findRequests(db: Queryable, requests: readonly Key[]): Promise<Map<string, Remembered>> {
  const named = requests.filter(({ requestId }) => requestId !== "");
  if (named.length === 0) {
    return new Map();
  }
  const { rows } = await db.query<{
    scope: string;
    request_id: string;
    method: string;
    fingerprint: Buffer;
    resource_id: string | null;
    failure: Failure | null;
  }>({
    name: "find-requests",
    text: `select scope, request_id, method, fingerprint, resource_id, failure
           from requests join ${keys.table} using (scope, request_id)`,
    values: keys.values(named),
  });
  return new Map(
    rows.map((row) => [
      `${row.scope} ${row.request_id}`,
      {
        method: row.method,
        fingerprint: row.fingerprint,
        resourceId: row.resource_id ?? "",
        failure: row.failure === null ? undefined : toError(row.failure),
      },
    ]),
  );
}

/** A request id to claim. `expected` is the id of the order to be made; it is the answer unless another is recorded. */
export type Claim = Key & {
  readonly method: string;
  readonly fingerprint: Uint8Array;
  readonly expected: string | undefined;
};

const claims = unnest<Claim & { number: number }>("new", {
  ...keyColumns,
  method: ["text", ({ method }) => method],
  fingerprint: ["bytea", ({ fingerprint }) => fingerprint],
  resource_id: ["text", ({ expected }) => expected],
  number: ["int", ({ number }) => number],
});

/**
 * Claims unused request ids and returns them, as "<scope> <request id>". Waits for transactions that are claiming the
 * same ids.
 */
export async function claimRequestIds(tx: Queryable, requests: readonly Claim[]): Promise<Set<string>> {
  if (requests.length === 0) {
    return new Set();
  }
  const { rows } = await tx.query<{ scope: string; request_id: string }>({
    name: "claim-request-ids",
    // Of several with one id the first counts, for the caller too: its expected order is what is remembered.
    text: `insert into requests (scope, request_id, method, fingerprint, resource_id)
           select distinct on (scope, request_id) scope, request_id, method, fingerprint, resource_id
           from ${claims.table} order by scope, request_id, number
           on conflict do nothing returning scope, request_id`,
    values: claims.values(requests.map((request, number) => ({ ...request, number }))),
  });
  return new Set(rows.map((row) => `${row.scope} ${row.request_id}`));
}

/**
 * Claims the callers' own keys, and returns the fingerprint with which each is remembered, as "<scope> <request id>". Waits
 * for transactions that are claiming the same ids.
 */
export async function claimGuards(
  tx: Queryable,
  guards: readonly Omit<Claim, "expected">[],
): Promise<Map<string, Buffer>> {
  if (guards.length === 0) {
    return new Map();
  }
  const { rows } = await tx.query<{ scope: string; request_id: string; fingerprint: Buffer }>({
    name: "claim-guards",
    // The update changes nothing: it makes the statement return the row that is there.
    text: `insert into requests (scope, request_id, method, fingerprint)
           select distinct on (scope, request_id) scope, request_id, method, fingerprint
           from ${claims.table} order by scope, request_id, number
           on conflict (scope, request_id) do update set method = requests.method
           returning scope, request_id, fingerprint`,
    values: claims.values(guards.map((guard, number) => ({ ...guard, expected: undefined, number }))),
  });
  return new Map(rows.map((row) => [`${row.scope} ${row.request_id}`, row.fingerprint]));
}

/** The answer to a request: the id of the order, the error, or undefined if there is nothing to remember. */
export type Answer = Key & { readonly outcome: string | DomainError | undefined };

const answerTable = unnest<Answer>("a", {
  ...keyColumns,
  resource_id: ["text", ({ outcome }) => (typeof outcome === "string" ? outcome : null)],
  failure: ["jsonb", ({ outcome }) => (outcome instanceof DomainError ? failureJson(outcome) : null)],
});

/** Records answers that differ from the expected ones, in the transaction that makes them true. Unanswered ids become free. */
export async function answerRequests(tx: Queryable, answers: readonly Answer[]): Promise<void> {
  const answered = answers.filter(({ outcome }) => outcome !== undefined);
  if (answered.length > 0) {
    await tx.query({
      name: "answer-requests",
      text: `update requests r set resource_id = a.resource_id, failure = a.failure
             from ${answerTable.table} where r.scope = a.scope and r.request_id = a.request_id`,
      values: answerTable.values(answered),
    });
  }
  const forgotten = answers.filter(({ outcome }) => outcome === undefined);
  if (forgotten.length > 0) {
    await tx.query({
      name: "forget-requests",
      text: `delete from requests r using ${keys.table} where r.scope = k.scope and r.request_id = k.request_id`,
      values: keys.values(forgotten),
    });
  }
}

function failureJson({ code, reason, message, metadata }: DomainError): string {
  return JSON.stringify({ code, reason, message, metadata } satisfies Failure);
}

function toError({ code, reason, message, metadata }: Failure): DomainError {
  return new DomainError({ [reason]: code }, reason, message, metadata);
}
