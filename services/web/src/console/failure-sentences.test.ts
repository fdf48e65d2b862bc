import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { expect, test } from "vitest";
import { failureLine } from "./failure-sentences.ts";

const failure = (reason: string, message: string, code = Code.FailedPrecondition) =>
  new ConnectError(message, code, undefined, [{ desc: ErrorInfoSchema, value: { reason } }]);

test.each([
  [
    failure("REFUND_TOO_HIGH", "5.00 USD are left"),
    "5.00 USD are left",
    "Die Erstattungen wären höher als das, was noch übrig ist. 5.00 USD are left",
  ],
  [
    failure("PRODUCT_NOT_FOUND", "there is no product x", Code.NotFound),
    "there is no product x",
    "Dieses Produkt wird nicht mehr verkauft.",
  ],
  [failure("A_NEW_REASON", "it is new"), "it is new", "it is new"],
  [
    new ConnectError("connect ECONNREFUSED", Code.Unavailable),
    "connect ECONNREFUSED",
    "Der Shop ist gerade nicht erreichbar. Nichts ist verloren; bitte versuchen Sie es noch einmal.",
  ],
])("%s is said in a line", (error, en, de) => {
  expect(failureLine(error, "en")).toBe(en);
  expect(failureLine(error, "de")).toBe(de);
});
