import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { problemOf } from "@sagacart/rest/problem";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";

let standIn: StandIn;
let gateway: TestGateway;

beforeAll(async () => {
  standIn = await startStandIn();
  gateway = await startTestGateway(standIn.address);
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

const reasons = defineReasons({
  WRONG: Code.InvalidArgument,
  NO_TOKEN: Code.Unauthenticated,
  NOT_YOURS: Code.PermissionDenied,
  CART_NOT_FOUND: Code.NotFound,
  CART_EXISTS: Code.AlreadyExists,
  CART_CLOSED: Code.FailedPrecondition,
  REQUEST_ID_REUSED: Code.FailedPrecondition,
  ETAG_MISMATCH: Code.Aborted,
  TOO_MANY: Code.ResourceExhausted,
  AWAY: Code.Unavailable,
  TOO_SLOW: Code.DeadlineExceeded,
  NOT_YET: Code.Unimplemented,
  BEYOND: Code.OutOfRange,
});

describe("a service's error keeps its reason, and has the status of its code", () => {
  test.each([
    ["WRONG", 400, "INVALID_ARGUMENT"],
    ["NO_TOKEN", 401, "UNAUTHENTICATED"],
    ["NOT_YOURS", 403, "PERMISSION_DENIED"],
    ["CART_NOT_FOUND", 404, "NOT_FOUND"],
    ["CART_EXISTS", 409, "ALREADY_EXISTS"],
    ["CART_CLOSED", 409, "FAILED_PRECONDITION"],
    ["REQUEST_ID_REUSED", 422, "FAILED_PRECONDITION"],
    ["ETAG_MISMATCH", 409, "ABORTED"],
    ["TOO_MANY", 429, "RESOURCE_EXHAUSTED"],
    ["AWAY", 503, "UNAVAILABLE"],
    ["TOO_SLOW", 504, "DEADLINE_EXCEEDED"],
    ["NOT_YET", 501, "UNIMPLEMENTED"],
    ["BEYOND", 400, "OUT_OF_RANGE"],
  ] as const)("%s is %d", async (reason, status, title) => {
    standIn.answer("GetCart", () => {
      throw new DomainError(reasons, reason, "cart c is so", { cart_id: "c" }, { retryAfterMs: 2_500 });
    });
    const answer = await gateway.send("GET /v1/carts/c");
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({
      type: `https://sagacart.dev/errors/stand-in.sagacart/${reason}`,
      title,
      status,
      detail: "cart c is so",
      reason,
      metadata: { cart_id: "c" },
      violations: [],
      requestId: answer.headers.get("x-request-id"),
      error: "cart c is so",
    });
  });
});

test("429 and 503 have Retry-After", async () => {
  standIn.answer("GetOrder", () => {
    throw new DomainError(reasons, "TOO_MANY", "too many", {}, { retryAfterMs: 2_500 });
  });
  expect((await gateway.send("GET /v1/orders/o")).headers.get("retry-after")).toBe("3");
  standIn.answer("GetOrder", () => {
    throw new DomainError(reasons, "AWAY", "away");
  });
  expect((await gateway.send("GET /v1/orders/o")).headers.get("retry-after")).toBe("1");
});

test("each broken rule is a violation, with the JSON name of its field", async () => {
  const body = {
    customerId: "a b",
    lines: [{ productId: "p", quantity: 0 }],
    shippingAddress: { recipient: "R", line1: "L", city: "C", countryCode: "DE", postalCode: "!" },
  };
  const answer = await gateway.send("POST /v1/orders", { body, headers: { "idempotency-key": "k" } });
  expect(answer.status).toBe(400);
  expect(answer.body.violations.map(({ field, rule }: { field: string; rule: string }) => [field, rule])).toEqual([
    ["customerId", "string.pattern"],
    ["lines[0].quantity", "int32.gte_lte"],
    ["shippingAddress.postalCode", "string.pattern"],
  ]);
});

test("an internal error has the request id and not its cause", async () => {
  standIn.answer("GetOrder", () => {
    throw new Error("password=hunter2 is wrong at db.internal:5432");
  });
  const answer = await gateway.send("GET /v1/orders/o", { headers: { "x-request-id": "r-1" } });
  expect(answer.status).toBe(500);
  expect(answer.body).toMatchObject({ reason: "INTERNAL", detail: "internal error, request r-1" });
  expect(JSON.stringify(answer.body)).not.toContain("hunter2");
});

test("a service that cannot be reached is 503, and its address is not shown", async () => {
  await using alone = await startTestGateway("127.0.0.1:1");
  const answer = await alone.send("GET /v1/orders/o");
  expect(answer.body).toMatchObject({
    status: 503,
    reason: "UNAVAILABLE",
    detail: "a service cannot be reached; try again",
  });
  expect(JSON.stringify(answer.body)).not.toContain("127.0.0.1");
});

test("a caller that left is 499", () => {
  expect(problemOf(new ConnectError("left", Code.Canceled), "r").problem.status).toBe(499);
});

test("the message of a service's internal error is not passed on", () => {
  const error = new ConnectError("select from users failed", Code.Internal);
  error.details = [{ desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason: "INTERNAL", domain: "d" }) }];
  expect(problemOf(error, "r").problem.detail).toBe("internal error, request r");
});
