import { create } from "@bufbuild/protobuf";
import { StructSchema, TimestampSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { DomainError, defineReasons } from "../errors.ts";
import { type TestDatabase, testDatabase } from "../testing/database.ts";
import type { Transaction } from "./pool.ts";
import { fingerprintOf, once, type Request, requestsTable } from "./request-ids.ts";

const reasons = defineReasons({ EMPTY: Code.FailedPrecondition, BUSY: Code.ResourceExhausted });

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await database.pool.query(requestsTable);
  await database.pool.query("create table orders (id text)");
});

afterAll(() => database[Symbol.asyncDispose]());

beforeEach(() => database.pool.query("truncate requests, orders"));

test("a repeat creates nothing, and gets the first id", async () => {
  const first = await once(database.pool, request(), insert("order-1"));
  const second = await once(database.pool, request(), insert("order-2"));

  expect(first).toEqual({ resourceId: "order-1", replayed: false });
  expect(second).toEqual({ resourceId: "order-1", replayed: true });
  expect(await orders()).toEqual(["order-1"]);
});

test("the repeat of a failed request fails the same way, without another attempt", async () => {
  const failure = new DomainError(reasons, "EMPTY", "cart c-1 is empty", { cart_id: "c-1" });

  const first = await thrown(once(database.pool, request(), fail(failure)));
  const second = await thrown(once(database.pool, request(), insert("order-2")));

  const answer = {
    code: Code.FailedPrecondition,
    reason: "EMPTY",
    message: "cart c-1 is empty",
    metadata: { cart_id: "c-1" },
  };
  expect(first).toMatchObject(answer);
  expect(second).toMatchObject(answer);
  expect(await orders()).toEqual([]);
});

test("the writes of a failed attempt are rolled back", async () => {
  await thrown(
    once(database.pool, request(), async (tx) => {
      await insert("order-1")(tx);
      throw new DomainError(reasons, "EMPTY", "empty");
    }),
  );

  expect(await orders()).toEqual([]);
});

test.each([
  ["a failure that passes", new DomainError(reasons, "BUSY", "come again")],
  ["a bug", new TypeError("x is undefined")],
])("%s is not recorded: the repeat is executed", async (_, failure) => {
  await thrown(once(database.pool, request(), fail(failure)));

  expect(await once(database.pool, request(), insert("order-1"))).toEqual({ resourceId: "order-1", replayed: false });
});

test.each([
  ["other content", { fingerprint: Buffer.from("other") }],
  ["another method", { method: "AddFunds" }],
])("the same id for %s is refused, and the first outcome stays", async (_, change) => {
  await once(database.pool, request(), insert("order-1"));

  const error = await thrown(once(database.pool, { ...request(), ...change }, insert("order-2")));

  expect(error).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "REQUEST_ID_REUSED",
    message: "request id r-1 was used before, for something else; choose a new one",
    metadata: { request_id: "r-1" },
  });
  expect(await once(database.pool, request(), insert("order-3"))).toEqual({ resourceId: "order-1", replayed: true });
});

test("two customers may choose the same id", async () => {
  await once(database.pool, request(), insert("order-1"));
  const other = await once(database.pool, { ...request(), scope: "customer-2" }, insert("order-2"));

  expect(other).toEqual({ resourceId: "order-2", replayed: false });
});

test.each([undefined, ""])("without an id (%j), each call is executed", async (requestId) => {
  await once(database.pool, { ...request(), requestId }, insert("order-1"));
  await once(database.pool, { ...request(), requestId }, insert("order-2"));

  expect(await orders()).toEqual(["order-1", "order-2"]);
});

test("a repeat during the first request waits for it, and gets its outcome", async () => {
  const { first, entered, finish } = heldRequest();
  await entered;
  const repeat = once(database.pool, request(), insert("order-2"));
  await oneWaitsForALock();

  finish();

  expect(await first).toEqual({ resourceId: "order-1", replayed: false });
  expect(await repeat).toEqual({ resourceId: "order-1", replayed: true });
  expect(await orders()).toEqual(["order-1"]);
});

test("a repeat that waited for a first request without outcome is executed", async () => {
  const { first, entered, finish } = heldRequest(new TypeError("x is undefined"));
  await entered;
  const repeat = once(database.pool, request(), insert("order-2"));
  await oneWaitsForALock();

  finish();

  expect(await thrown(first)).toBeInstanceOf(TypeError);
  expect(await repeat).toEqual({ resourceId: "order-2", replayed: false });
});

test("a failing first request and a repeat that overtakes it both get the repeat's outcome", async () => {
  const { first, entered, finish } = heldRequest(new DomainError(reasons, "EMPTY", "empty"));
  await entered;
  const repeat = once(database.pool, request(), insert("order-2"));
  await oneWaitsForALock();

  finish();

  // The first's rollback lets the repeat in; which of the two then writes its answer first is open.
  const answers = await Promise.allSettled([first, repeat]);
  const again = await Promise.allSettled([once(database.pool, request(), insert("order-3"))]);
  const [kept] = again.map(kindOf);
  expect(answers.map(kindOf)).toEqual([kept, kept]);
});

test("twenty at once create one", async () => {
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) => once(database.pool, request(), insert(`order-${index}`))),
  );

  expect(results.filter(({ replayed }) => !replayed)).toHaveLength(1);
  expect(new Set(results.map(({ resourceId }) => resourceId)).size).toBe(1);
  expect(await orders()).toHaveLength(1);
});

test("equal content has one fingerprint, whatever the order of its map", () => {
  const one = create(StructSchema, {
    fields: {
      a: { kind: { case: "numberValue", value: 1 } },
      b: { kind: { case: "structValue", value: { fields: { x: string("1"), y: string("2") } } } },
    },
  });
  const other = create(StructSchema, {
    fields: {
      b: { kind: { case: "structValue", value: { fields: { y: string("2"), x: string("1") } } } },
      a: { kind: { case: "numberValue", value: 1 } },
    },
  });

  expect(fingerprintOf(StructSchema, one)).toEqual(fingerprintOf(StructSchema, other));
});

test("other content has another fingerprint", () => {
  const at = (ms: number) => fingerprintOf(TimestampSchema, timestampFromMs(ms));

  expect(at(1)).not.toEqual(at(2));
});

test("fields that are left out do not count, and stay unchanged", () => {
  const message = timestampFromMs(1_500);

  expect(fingerprintOf(TimestampSchema, message, { without: ["nanos"] })).toEqual(
    fingerprintOf(TimestampSchema, timestampFromMs(1_000), { without: ["nanos"] }),
  );
  expect(message.nanos).toBe(500_000_000);
});

test("leaving out an unknown field throws", () => {
  expect(() => fingerprintOf(TimestampSchema, timestampFromMs(1), { without: ["nanoseconds"] })).toThrow(
    "google.protobuf.Timestamp has no field nanoseconds",
  );
});

function request(): Request {
  return { scope: "customer-1", requestId: "r-1", method: "Checkout", fingerprint: Buffer.from("content") };
}

function insert(id: string): (tx: Transaction) => Promise<string> {
  return async (tx) => {
    await tx.query("insert into orders values ($1)", [id]);
    return id;
  };
}

function fail(error: Error): () => Promise<string> {
  return () => Promise.reject(error);
}

/** A first request that has claimed its id, and then waits until finish() is called. */
function heldRequest(failure?: Error) {
  const entered = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const first = once(database.pool, request(), async (tx) => {
    entered.resolve();
    await finish.promise;
    if (failure !== undefined) {
      throw failure;
    }
    return insert("order-1")(tx);
  });
  first.catch(() => {});
  return { first, entered: entered.promise, finish: finish.resolve };
}

async function oneWaitsForALock(): Promise<void> {
  for (;;) {
    const { rows } = await database.pool.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    if (rows.length > 0) {
      return;
    }
  }
}

async function orders(): Promise<string[]> {
  const { rows } = await database.pool.query<{ id: string }>("select id from orders order by id");
  return rows.map(({ id }) => id);
}

function thrown(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "nothing was thrown",
    (error) => error,
  );
}

function kindOf(result: PromiseSettledResult<{ resourceId: string }>): string {
  return result.status === "fulfilled" ? result.value.resourceId : result.reason.reason;
}

function string(value: string) {
  return { kind: { case: "stringValue" as const, value } };
}
