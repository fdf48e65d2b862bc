import { create } from "@bufbuild/protobuf";
import { ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { expect, test } from "vitest";
import { runWithContext } from "./context.ts";
import { codeName, DomainError, defineReasons, errorInfo, toConnectError } from "./errors.ts";

const reasons = defineReasons({ OUT_OF_STOCK: Code.FailedPrecondition, TOO_MANY: Code.ResourceExhausted });

test("a domain error has its reason, its domain, and the values of its message", () => {
  const error = new DomainError(reasons, "OUT_OF_STOCK", "product p-1 has 2 left, 5 asked", { product_id: "p-1" });

  expect(errorInfo(toConnectError(error, "stock.sagacart"))).toEqual({
    code: Code.FailedPrecondition,
    reason: "OUT_OF_STOCK",
    domain: "stock.sagacart",
    metadata: { product_id: "p-1" },
    message: "product p-1 has 2 left, 5 asked",
    violations: [],
  });
});

test("RESOURCE_EXHAUSTED says when to retry", () => {
  const error = new DomainError(reasons, "TOO_MANY", "wait", {}, { retryAfterMs: 2_500 });

  const [retry] = toConnectError(error, "stock.sagacart").findDetails(RetryInfoSchema);

  expect(retry?.retryDelay).toMatchObject({ seconds: 2n, nanos: 500_000_000 });
});

test("a bug reveals nothing but the request id", () => {
  const error = toConnectError(new Error("password authentication failed for user root"), "stock.sagacart");
  const named = runWithContext({ requestId: "r-1" }, () => toConnectError(new TypeError("x"), "stock.sagacart"));

  expect(error.rawMessage).toBe("internal error");
  expect(errorInfo(named)).toEqual({
    code: Code.Internal,
    reason: "INTERNAL",
    domain: "stock.sagacart",
    metadata: { request_id: "r-1" },
    message: "internal error, request r-1",
    violations: [],
  });
});

test("the cause of a bug stays with the error, for the log", () => {
  const cause = new TypeError("x is not a function");

  expect(toConnectError(cause, "stock.sagacart").cause).toBe(cause);
});

test("another service's error keeps its domain, and none of its headers", () => {
  const theirs = toConnectError(new DomainError(reasons, "OUT_OF_STOCK", "none left"), "stock.sagacart");
  theirs.metadata.set("date", "yesterday");

  const passedOn = toConnectError(theirs, "order.sagacart");

  expect(errorInfo(passedOn)).toMatchObject({ reason: "OUT_OF_STOCK", domain: "stock.sagacart" });
  expect([...passedOn.metadata.keys()]).toEqual([]);
});

test("an error of the framework gets its code as the reason", () => {
  const error = toConnectError(new ConnectError("no such method", Code.Unimplemented), "stock.sagacart");

  expect(errorInfo(error)).toMatchObject({ reason: "UNIMPLEMENTED", domain: "stock.sagacart" });
});

test("violated rules are reported with their fields", () => {
  const violations = create(ViolationsSchema, {
    violations: [
      {
        field: {
          elements: [
            { fieldName: "lines", subscript: { case: "index", value: 2n } },
            { fieldName: "labels", subscript: { case: "stringKey", value: "size" } },
          ],
        },
        ruleId: "string.max_len",
        message: "must be at most 5 characters",
      },
    ],
  });
  const error = new ConnectError("wrong", Code.InvalidArgument, undefined, [
    { desc: ViolationsSchema, value: violations },
  ]);

  expect(errorInfo(toConnectError(error, "stock.sagacart")).violations).toEqual([
    { field: 'lines[2].labels["size"]', ruleId: "string.max_len", message: "must be at most 5 characters" },
  ]);
});

test.each([
  ["a serialization failure", pgError("40001"), Code.Aborted, "CONTENTION"],
  ["a deadlock", pgError("40P01"), Code.Aborted, "CONTENTION"],
  ["a statement that takes too long", pgError("57014"), Code.DeadlineExceeded, "DATABASE_TIMEOUT"],
  ["a database that shuts down", pgError("57P01"), Code.Unavailable, "DATABASE_UNAVAILABLE"],
  ["too many connections", pgError("53300"), Code.Unavailable, "DATABASE_UNAVAILABLE"],
  ["a lost connection", new Error("Connection terminated unexpectedly"), Code.Unavailable, "DATABASE_UNAVAILABLE"],
  [
    "a failure with a database's as its cause",
    new Error("the order was not stored", { cause: pgError("40001") }),
    Code.Aborted,
    "CONTENTION",
  ],
  ["an unexpected unique violation", pgError("23505"), Code.Internal, "INTERNAL"],
  ["an abort", new DOMException("aborted", "AbortError"), Code.Canceled, "CANCELED"],
  ["a timeout", new DOMException("too late", "TimeoutError"), Code.DeadlineExceeded, "DEADLINE_EXCEEDED"],
  ["something that is no error", "oops", Code.Internal, "INTERNAL"],
])("%s becomes its code and reason", (_, error, code, reason) => {
  expect(errorInfo(toConnectError(error, "stock.sagacart"))).toMatchObject({ code, reason });
});

test("errorInfo reads anything thrown", () => {
  const nothing = { reason: "", domain: "", metadata: {}, violations: [] };

  expect(errorInfo(new Error("x"))).toEqual({ ...nothing, code: Code.Unknown, message: "x" });
  expect(errorInfo("x")).toEqual({ ...nothing, code: Code.Unknown, message: "x" });
  expect(errorInfo(new DomainError(reasons, "TOO_MANY", "wait"))).toEqual({
    ...nothing,
    code: Code.ResourceExhausted,
    reason: "TOO_MANY",
    message: "wait",
  });
});

test.each(["out_of_stock", "Out", "A", "OUT-OF-STOCK", "OUT_", `A${"B".repeat(63)}`])(
  "%s is not a reason",
  (reason) => {
    expect(() => defineReasons({ [reason]: Code.Internal })).toThrow("is not UPPER_SNAKE of 3 to 63 characters");
  },
);

test.each([
  [Code.FailedPrecondition, "failed_precondition"],
  [Code.DataLoss, "data_loss"],
  [Code.Aborted, "aborted"],
])("code %d is written %s", (code, name) => {
  expect(codeName(code)).toBe(name);
});

function pgError(code: string): Error {
  return Object.assign(new Error(`sqlstate ${code}`), { code, severity: "ERROR" });
}

const long = (length: number) => "€".repeat(length);

test("what an error repeats is bounded: message, metadata, and violations", () => {
  const metadata = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`key_${index}`, long(50_000)]));
  const domain = toConnectError(new DomainError(reasons, "OUT_OF_STOCK", long(50_000), metadata), "stock.sagacart");
  expect(Buffer.byteLength(domain.rawMessage)).toBeLessThanOrEqual(700);
  expect(errorInfo(domain).metadata.key_0).toBe(`${long(65)}…`);
  expect(Object.keys(errorInfo(domain).metadata).length).toBeLessThan(10);
});

test("a long JSON list in the metadata stays JSON: the first elements are told, and how many are left out", () => {
  const list = Array.from({ length: 100 }, (_, index) => ({ productId: `product-${index}`, title: 'é"],' }));
  const told = (value: string) => {
    const error = toConnectError(new DomainError(reasons, "OUT_OF_STOCK", "", { list: value }), "stock.sagacart");
    // As a service that passes the error on does.
    return errorInfo(toConnectError(error, "order.sagacart")).metadata;
  };
  const { list: text = "", list_left_out } = told(JSON.stringify(list));
  const kept = JSON.parse(text);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1_000);
  expect(kept.length).toBeGreaterThan(10);
  expect(kept).toEqual(list.slice(0, kept.length));
  expect(list_left_out).toBe(String(list.length - kept.length));

  const few = JSON.stringify(list.slice(0, 10));
  expect(told(few)).toEqual({ list: few });
  expect(told(JSON.stringify([long(50_000), 1]))).toEqual({ list: "[]", list_left_out: "2" });
  for (const text of [`[${long(50_000)}`, "[".repeat(50_000), "[".repeat(20_000) + "]".repeat(20_000)]) {
    expect(Buffer.byteLength(told(text).list ?? "")).toBeLessThanOrEqual(200);
  }
});

test("of very many violations the first are told, and how many are left out", () => {
  const value = create(ViolationsSchema, {
    violations: Array.from({ length: 1_000 }, (_, index) => ({
      ruleId: "string.max_len",
      message: index === 0 ? long(50_000) : "must be at most 63 characters",
      field: {
        elements: [
          { fieldName: "lines", subscript: { case: "index" as const, value: BigInt(index) } },
          { fieldName: "labels", subscript: { case: "stringKey" as const, value: long(50_000) } },
        ],
      },
    })),
  });
  const thrown = new ConnectError(long(100_000), Code.InvalidArgument, undefined, [{ desc: ViolationsSchema, value }]);
  const { violations, metadata, message } = errorInfo(toConnectError(thrown, "stock.sagacart"));
  expect(violations[1]).toEqual({
    field: `lines[1].labels["${long(20)}…"]`,
    ruleId: "string.max_len",
    message: "must be at most 63 characters",
  });
  expect(violations.length).toBeGreaterThan(10);
  expect(violations.length + Number(metadata.violations_left_out)).toBe(1_000);
  expect(Buffer.byteLength(message)).toBeLessThanOrEqual(700);
});

test("a few violations stay as they are", () => {
  const value = create(ViolationsSchema, { violations: [{ ruleId: "required", message: "value is required" }] });
  const thrown = new ConnectError("id: required", Code.InvalidArgument, undefined, [{ desc: ViolationsSchema, value }]);
  const { violations, metadata } = errorInfo(toConnectError(thrown, "stock.sagacart"));
  expect(violations).toEqual([{ field: "", ruleId: "required", message: "value is required" }]);
  expect(metadata).toEqual({});
});
