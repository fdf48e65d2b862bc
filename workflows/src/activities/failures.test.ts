import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { ApplicationFailure } from "@temporalio/common";
import { expect, test } from "vitest";
import { poisonFailure, transientFailure } from "../sagas/steps.ts";
import { toFailure, withFailures } from "./failures.ts";

test.each([
  [Code.Canceled, transientFailure],
  [Code.Unknown, poisonFailure],
  [Code.InvalidArgument, poisonFailure],
  [Code.DeadlineExceeded, transientFailure],
  [Code.NotFound, poisonFailure],
  [Code.AlreadyExists, poisonFailure],
  [Code.PermissionDenied, poisonFailure],
  [Code.ResourceExhausted, transientFailure],
  [Code.FailedPrecondition, poisonFailure],
  [Code.Aborted, transientFailure],
  [Code.OutOfRange, poisonFailure],
  [Code.Unimplemented, poisonFailure],
  [Code.Internal, poisonFailure],
  [Code.Unavailable, transientFailure],
  [Code.DataLoss, poisonFailure],
  [Code.Unauthenticated, poisonFailure],
])("gRPC code %i is a failure of type %s", (code, type) => {
  const error = new ConnectError("no", code);
  expect(toFailure(error)).toMatchObject({
    type,
    nonRetryable: type === poisonFailure,
    message: `${Code[code]}: no`,
    cause: error,
  });
});

test("every gRPC code is in the table above", () => {
  expect(Object.values(Code).filter((code) => typeof code === "number")).toHaveLength(16);
});

test("the message names the reason and whose it is", () => {
  const error = new ConnectError("others change the same rows", Code.Aborted, undefined, [
    { desc: ErrorInfoSchema, value: { reason: "CONTENTION", domain: "stock.sagacart" } },
  ]);
  expect(toFailure(error).message).toBe("Aborted stock.sagacart/CONTENTION: others change the same rows");
});

test.each<[string, unknown]>([
  ["an error of our own code", new TypeError("x is not a function")],
  ["something that is not an error", "thrown"],
])("%s is poison", (_, error) => {
  expect(toFailure(error)).toMatchObject({ type: poisonFailure, nonRetryable: true });
});

test("a failure stays as it is", () => {
  const failure = ApplicationFailure.retryable("later", "OTHER");
  expect(toFailure(failure)).toBe(failure);
});

test("activities answer as before, and throw failures", async () => {
  const { works, fails } = withFailures({
    works: async (input: number) => input + 1,
    fails: async () => {
      throw new ConnectError("down", Code.Unavailable);
    },
  });
  expect(await works(1)).toBe(2);
  await expect(fails()).rejects.toMatchObject({ type: transientFailure, message: "Unavailable: down" });
});
