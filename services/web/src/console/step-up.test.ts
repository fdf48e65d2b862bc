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
  expect(stepUpOf(failure(reason, metadata), "en")?.sentence).toMatch(sentence);
});

test.each([
  ["FRESH_SIGN_IN_REQUIRED", { max_age_seconds: "300" }, /in den letzten 5 Minuten angemeldet/],
  ["FRESH_SIGN_IN_REQUIRED", { max_age_seconds: "60" }, /in der letzten Minute angemeldet/],
  ["FRESH_SIGN_IN_REQUIRED", {}, /gerade eben/],
  ["SECOND_FACTOR_REQUIRED", { max_age_seconds: "300" }, /zweiten Faktor in den letzten 5 Minuten/],
  ["SECOND_FACTOR_REQUIRED", {}, /Wenn Sie keinen haben/],
])("%s with %j asks to sign in again, in German", (reason, metadata, sentence) => {
  expect(stepUpOf(failure(reason, metadata), "de")?.sentence).toMatch(sentence);
});

test.each(["ROLE_REQUIRED", "TOKEN_EXPIRED", "", "NOT_CANCELLABLE"])("%s does not ask to sign in again", (reason) => {
  expect(stepUpOf(failure(reason), "en")).toBeUndefined();
});
