import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { stepUpOf } from "./step-up.ts";

const failure = (reason: string, metadata: Record<string, string> = {}) => ({
  reason,
  metadata,
  code: Code.PermissionDenied,
  message: "no",
  violations: [],
});

test.each([
  ["FRESH_SIGN_IN_REQUIRED", { max_age_seconds: "300" }, /within the last 5 minutes/],
  ["FRESH_SIGN_IN_REQUIRED", { max_age_seconds: "60" }, /within the last 1 minute\./],
  ["FRESH_SIGN_IN_REQUIRED", {}, /just now/],
  ["SECOND_FACTOR_REQUIRED", { max_age_seconds: "300" }, /second factor within the last 5 minutes/],
  ["SECOND_FACTOR_REQUIRED", {}, /with a second factor. If you have none/],
])("%s with %j asks to sign in again", (reason, metadata, sentence) => {
  expect(stepUpOf(failure(reason, metadata))?.sentence).toMatch(sentence);
});

test.each(["ROLE_REQUIRED", "TOKEN_EXPIRED", "", "NOT_CANCELLABLE"])("%s does not ask to sign in again", (reason) => {
  expect(stepUpOf(failure(reason))).toBeUndefined();
});
