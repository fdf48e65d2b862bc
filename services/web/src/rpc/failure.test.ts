import { create } from "@bufbuild/protobuf";
import { ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { expect, test } from "vitest";
import { failureOf, isTransient } from "./failure.ts";
import { failureTexts } from "./failure-text.ts";

const withReason = (code: Code, reason: string, message: string) =>
  new ConnectError(message, code, undefined, [
    { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason, metadata: { order_id: "o" } }) },
  ]);

test("a reason that customers meet has a sentence in both languages", () => {
  const failure = failureOf(withReason(Code.FailedPrecondition, "NOT_CANCELLABLE", "order o is SHIPPING"));
  expect(failure).toMatchObject({ reason: "NOT_CANCELLABLE", metadata: { order_id: "o" } });
  expect(failureTexts(failure, "en")).toEqual(["This order can no longer be cancelled."]);
  expect(failureTexts(failure, "de")).toEqual(["Diese Bestellung lässt sich nicht mehr stornieren."]);
});

test("any other reason shows the service's own sentence", () => {
  const failure = failureOf(withReason(Code.FailedPrecondition, "NEW_REASON", "product p has 2 left, 5 asked"));
  expect(failureTexts(failure, "de")).toEqual(["product p has 2 left, 5 asked"]);
});

test("broken rules name the fields, by the page's words where it has some", () => {
  const value = create(ViolationsSchema, {
    violations: [
      {
        field: { elements: [{ fieldName: "shippingAddress" }, { fieldName: "postalCode" }] },
        message: "is not one of GB",
      },
      {
        field: {
          elements: [{ fieldName: "lines", subscript: { case: "index", value: 2n } }, { fieldName: "quantity" }],
        },
        message: "must be positive",
      },
    ],
  });
  const failure = failureOf(
    new ConnectError("no", Code.InvalidArgument, undefined, [{ desc: ViolationsSchema, value }]),
  );
  expect(failureTexts(failure, "en", { "shippingAddress.postalCode": "Postal code" })).toEqual([
    "Postal code: is not one of GB",
    "lines[2].quantity: must be positive",
  ]);
});

test.each([
  [
    new TypeError("Failed to fetch"),
    "The shop cannot be reached at the moment. Nothing is lost; please try again.",
    true,
  ],
  [
    new ConnectError("", Code.Unavailable),
    "The shop cannot be reached at the moment. Nothing is lost; please try again.",
    true,
  ],
  [
    new ConnectError("", Code.ResourceExhausted),
    "That was too much at once. Please wait a moment and try again.",
    false,
  ],
  [
    ConnectError.from(new TypeError("Load failed")),
    "The shop cannot be reached at the moment. Nothing is lost; please try again.",
    true,
  ],
  [
    new DOMException("signal timed out", "TimeoutError"),
    "The shop cannot be reached at the moment. Nothing is lost; please try again.",
    true,
  ],
  [
    new ConnectError("the operation timed out", Code.DeadlineExceeded),
    "The shop cannot be reached at the moment. Nothing is lost; please try again.",
    true,
  ],
  [new Error("type ada to confirm"), "type ada to confirm", false],
  [ConnectError.from(new Error("an amount has two decimals")), "an amount has two decimals", false],
  [new ConnectError("HTTP 500", Code.Unknown), "HTTP 500", false],
  [new ConnectError("no such page token", Code.InvalidArgument), "no such page token", false],
])("%s has a sentence", (error, sentence, again) => {
  const failure = failureOf(error);
  expect(failureTexts(failure, "en")).toEqual([sentence]);
  expect(isTransient(failure)).toBe(again);
});
