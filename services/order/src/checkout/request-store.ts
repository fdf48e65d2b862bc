import type { Code } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import type { Queryable } from "@sagacart/chassis/postgres/pool";

/** The answer to an earlier request. */
export type Remembered = {
  readonly method: string;
  readonly fingerprint: Uint8Array;
  readonly resourceId: string;
  readonly failure: DomainError | undefined;
};

type Failure = { code: Code; reason: string; message: string; metadata: Record<string, string> };
type Key = { readonly scope: string; readonly requestId: string };

/**
 * Finds the requests that were answered before, by "<scope> <request id>". This is the set-based form of the chassis'
 * once(), on the same table.
 */
export async function findRequests(db: Queryable, keys: readonly Key[]): Promise<Map<string, Remembered>> {
  const named = keys.filter(({ requestId }) => requestId !== "");
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
           from requests join unnest($1::text[], $2::text[]) as asked (scope, request_id) using (scope, request_id)`,
    values: [named.map(({ scope }) => scope), named.map(({ requestId }) => requestId)],
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
           from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[])
             with ordinality as new (scope, request_id, method, fingerprint, resource_id, number)
           order by scope, request_id, number
           on conflict do nothing returning scope, request_id`,
    values: [
      requests.map(({ scope }) => scope),
      requests.map(({ requestId }) => requestId),
      requests.map(({ method }) => method),
      requests.map(({ fingerprint }) => fingerprint),
      requests.map(({ expected }) => expected ?? null),
    ],
  });
  return new Set(rows.map((row) => `${row.scope} ${row.request_id}`));
}

/** The answer to a request: the id of the order, the error, or undefined if there is nothing to remember. */
export type Answer = Key & { readonly outcome: string | DomainError | undefined };

/** Records answers that differ from the expected ones, in the transaction that makes them true. Unanswered ids become free. */
export async function answerRequests(tx: Queryable, answers: readonly Answer[]): Promise<void> {
  const answered = answers.filter(({ outcome }) => outcome !== undefined);
  if (answered.length > 0) {
    await tx.query({
      name: "answer-requests",
      text: `update requests r set resource_id = a.resource_id, failure = a.failure
             from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]) as a (scope, request_id, resource_id, failure)
             where r.scope = a.scope and r.request_id = a.request_id`,
      values: [
        answered.map(({ scope }) => scope),
        answered.map(({ requestId }) => requestId),
        answered.map(({ outcome }) => (typeof outcome === "string" ? outcome : null)),
        answered.map(({ outcome }) => (outcome instanceof DomainError ? failureJson(outcome) : null)),
      ],
    });
  }
  const forgotten = answers.filter(({ outcome }) => outcome === undefined);
  if (forgotten.length > 0) {
    await tx.query({
      name: "forget-requests",
      text: `delete from requests r using unnest($1::text[], $2::text[]) as f (scope, request_id)
             where r.scope = f.scope and r.request_id = f.request_id`,
      values: [forgotten.map(({ scope }) => scope), forgotten.map(({ requestId }) => requestId)],
    });
  }
}

function failureJson({ code, reason, message, metadata }: DomainError): string {
  return JSON.stringify({ code, reason, message, metadata } satisfies Failure);
}

function toError({ code, reason, message, metadata }: Failure): DomainError {
  return new DomainError({ [reason]: code }, reason, message, metadata);
}
