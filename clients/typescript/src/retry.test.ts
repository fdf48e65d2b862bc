import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ShopError } from "./errors.ts";
import { createShop } from "./shop.ts";
import { kinds, type StandIn, startStandIn } from "./testing/stand-in.ts";

let standIn: StandIn;

beforeAll(async () => {
  standIn = await startStandIn(OrderService, IdentityService);
});

afterAll(() => standIn?.[Symbol.asyncDispose]());

beforeEach(() => {
  standIn.asked.length = 0;
});

const quick = { firstPauseMs: 5, longestPauseMs: 2_000 };
const connect = () => createShop(standIn.transport("node, HTTP/1.1"), { retries: quick });

/** An error as services send it; without a reason, as something between the shop and its caller does. */
function failure(code: Code, reason = "", retryAfterMs?: number): ConnectError {
  const error = new ConnectError("it failed", code);
  if (reason !== "") {
    error.details.push({ desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason, domain: "order.sagacart" }) });
  }
  if (retryAfterMs !== undefined) {
    const retryDelay = { seconds: 0n, nanos: retryAfterMs * 1e6 };
    error.details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay }) });
  }
  return error;
}

/** Has an rpc fail so many times before it answers. */
function failing(rpc: string, error: ConnectError, times: number): void {
  let left = times;
  standIn.answer(rpc, () => {
    if (left-- > 0) {
      throw error;
    }
    return {};
  });
}

const asked = (rpc: string) => standIn.asked.filter((call) => call.rpc === rpc);

const read = ["GetOrder", () => connect().orders.getOrder({ id: "1" })] as const;
const write = ["Checkout", () => connect().orders.checkout({ customerId: "ada" })] as const;
const unsafe = ["SignIn", () => connect().signIn({ username: "ada", password: "secret" })] as const;

describe("a failed call is repeated only if nothing can be done twice", () => {
  test.for([
    { call: read, error: failure(Code.Unavailable, "UNAVAILABLE"), tries: 2 },
    { call: write, error: failure(Code.Unavailable, "DATABASE_UNAVAILABLE"), tries: 2 },
    { call: write, error: failure(Code.DeadlineExceeded, "DEADLINE_EXCEEDED"), tries: 2 },
    { call: write, error: failure(Code.Aborted, "CONTENTION"), tries: 2 },
    { call: write, error: failure(Code.ResourceExhausted, "TOO_MANY_REQUESTS", 10), tries: 2 },
    { call: unsafe, error: failure(Code.ResourceExhausted, "TOO_MANY_REQUESTS", 10), tries: 2 },
    { call: unsafe, error: failure(Code.Unavailable, "TOO_BUSY"), tries: 1 },
    { call: unsafe, error: failure(Code.DeadlineExceeded), tries: 1 },
    { call: write, error: failure(Code.Internal, "INTERNAL"), tries: 1 },
    { call: write, error: failure(Code.Aborted, "ETAG_MISMATCH"), tries: 1 },
    { call: write, error: failure(Code.FailedPrecondition, "PRICE_CHANGED"), tries: 1 },
    { call: write, error: failure(Code.InvalidArgument, "PAY_WITHIN_TOO_LONG"), tries: 1 },
    { call: write, error: failure(Code.PermissionDenied, "NOT_YOURS"), tries: 1 },
    { call: write, error: failure(Code.Unauthenticated, "TOKEN_MISSING"), tries: 1 },
    { call: read, error: failure(Code.NotFound, "ORDER_NOT_FOUND"), tries: 1 },
  ])("$call.0 that fails with $error.message: $tries tries", async ({ call: [rpc, run], error, tries }) => {
    failing(rpc, error, 1);
    const answer = await run().then(
      () => "answered",
      () => "failed",
    );
    expect([answer, asked(rpc).length]).toEqual([tries === 2 ? "answered" : "failed", tries]);
  });

  test("a time to wait that is longer than the caller's limit is an error at once", async () => {
    failing("Checkout", failure(Code.ResourceExhausted, "TOO_MANY_REQUESTS", 900), 1);
    const retries = { ...quick, longestPauseMs: 100 };
    const shop = createShop(standIn.transport("node, HTTP/1.1"), {
      retries,
    });
    await expect(shop.orders.checkout({ customerId: "ada" })).rejects.toMatchObject({
      reason: "TOO_MANY_REQUESTS",
      outcome: "not-done",
      retryAfterMs: 900,
    });
    expect(asked("Checkout")).toHaveLength(1);
  });

  test("tries end", async () => {
    failing("Checkout", failure(Code.Unavailable, "UNAVAILABLE"), 100);
    const failed: ShopError = await connect()
      .orders.checkout({ customerId: "ada" })
      .then(
        () => undefined,
        (error) => error,
      );
    expect(failed).toMatchObject({ reason: "UNAVAILABLE", domain: "order.sagacart", outcome: "unknown" });
    expect(asked("Checkout")).toHaveLength(6);
  });
});

test("each try of a call sends the same idempotency key, each call another one, and a given key is kept", async () => {
  failing("Checkout", failure(Code.Unavailable, "UNAVAILABLE"), 2);
  const { orders } = connect();
  const request = { customerId: "ada" };
  await orders.checkout(request);
  await orders.checkout(request);
  await orders.checkout({ ...request, requestId: "mine" });
  const keys = asked("Checkout").map((call) => Object(call.request).requestId);
  expect(keys.slice(0, 3)).toEqual([keys[0], keys[0], keys[0]]);
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(keys[3]).toMatch(/^[0-9a-f]{32}$/);
  expect(keys[3]).not.toBe(keys[0]);
  expect(keys[4]).toBe("mine");
});

test("a refusal after a lost answer does not claim that nothing was done", async () => {
  const answers = [failure(Code.Unavailable), failure(Code.PermissionDenied, "NOT_YOURS")];
  standIn.answer("Checkout", () => {
    throw answers.shift() ?? new Error("asked too often");
  });
  await expect(connect().orders.checkout({ customerId: "ada", requestId: "key" })).rejects.toMatchObject({
    reason: "NOT_YOURS",
    outcome: "unknown",
    idempotencyKey: "key",
  });
});

test("an error has its fields by their names in TypeScript", async () => {
  await expect(
    connect().orders.checkout({ customerId: "ada", lines: [{ productId: "mug", quantity: -1 }] }),
  ).rejects.toMatchObject({
    name: "ShopError",
    code: Code.InvalidArgument,
    outcome: "decided",
    violations: [{ field: "lines[0].quantity" }],
  });
});

describe.each(kinds)("with the transport of %s", (kind) => {
  const transport = () => standIn.transport(kind);
  test("a connection that is cut in the middle of a call is made again, and the call repeated with its key", async () => {
    let isFirst = true;
    standIn.answer("Checkout", async () => {
      if (isFirst) {
        isFirst = false;
        await standIn.cut();
        await standIn.mend();
      }
      return {};
    });
    await createShop(transport(), { retries: quick }).orders.checkout({ customerId: "ada" });
    const keys = asked("Checkout").map((call) => Object(call.request).requestId);
    expect(keys).toHaveLength(2);
    expect(keys[1]).toBe(keys[0]);
  });

  test("a server that is away for a moment is waited for", async () => {
    standIn.answer("Checkout", () => ({}));
    await standIn.cut();
    let tries = 0;
    const sent = transport();
    const counted: Transport = {
      ...sent,
      unary: (...call) => {
        tries++;
        return sent.unary(...call);
      },
    };
    const retries = { ...quick, tries: 10_000, longestPauseMs: 20 };
    const answered = createShop(counted, { retries }).orders.checkout({ customerId: "ada" });
    await expect.poll(() => tries).toBeGreaterThan(3);
    await standIn.mend();
    await answered;
    expect(asked("Checkout")).toHaveLength(1);
  });

  test("what may not be repeated fails with an unknown outcome", async () => {
    standIn.answer("SignIn", async () => {
      await standIn.cut();
      await standIn.mend();
      return {};
    });
    await expect(
      createShop(transport(), { retries: quick }).signIn({ username: "ada", password: "secret" }),
    ).rejects.toMatchObject({ name: "ShopError", outcome: "unknown" });
    expect(asked("SignIn")).toHaveLength(1);
  });

  test("a caller that leaves ends the call", async () => {
    const leaving = new AbortController();
    standIn.answer("Checkout", async () => {
      leaving.abort();
      return {};
    });
    await expect(
      createShop(transport(), { retries: quick }).orders.checkout({ customerId: "ada" }, { signal: leaving.signal }),
    ).rejects.toMatchObject({ code: Code.Canceled, outcome: "unknown" });
    expect(asked("Checkout")).toHaveLength(1);
  });
});
