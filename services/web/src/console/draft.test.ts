import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import {
  type Attempt,
  afterFailure,
  attemptOf,
  type Draft,
  dropDraft,
  dropDraftsOfOthers,
  keepDraft,
  sending,
  takeDraft,
} from "./draft.ts";

const failure = (code: Code, reason = "") => ({ code, reason, metadata: {}, message: "no", violations: [] });
const ten = { amount: "10.00", reason: "" };
const twelve = { amount: "12.00", reason: "" };
const lost: Attempt = { values: ten, requestId: "r-1" };
const fresh: Draft = { values: ten, unanswered: [] };
const undecided: Draft = { values: ten, unanswered: [lost] };

test("a call whose answer was lost is sent again with its key, also after other values in between", () => {
  expect(attemptOf(fresh, () => "r-1")).toEqual(lost);
  const draft = afterFailure(fresh, lost, failure(Code.Unavailable));
  expect(draft).toEqual(undecided);
  expect(attemptOf(draft, () => "r-2")).toEqual(lost);

  const changed = { ...draft, values: twelve };
  const other = attemptOf(changed, () => "r-2");
  expect(other).toEqual({ values: twelve, requestId: "r-2" });
  const refused = afterFailure(changed, other, failure(Code.InvalidArgument));
  expect(attemptOf({ ...refused, values: ten }, () => "r-3")).toEqual(lost);
});

test.each([
  [Code.Unavailable, ""],
  [Code.DeadlineExceeded, ""],
  [Code.Unknown, ""],
  [Code.Internal, "INTERNAL"],
  [Code.Canceled, ""],
])("after failure %d %s the call may have been done", (code, reason) => {
  expect(afterFailure(fresh, lost, failure(code, reason))).toEqual(undecided);
  expect(afterFailure(undecided, lost, failure(code, reason))).toEqual(undecided);
});

test.each([
  [Code.PermissionDenied, "FRESH_SIGN_IN_REQUIRED"],
  [Code.Unauthenticated, "TOKEN_EXPIRED"],
  [Code.ResourceExhausted, ""],
  [Code.Aborted, "CONTENTION"],
])("failure %d %s did nothing, and does not tell whether an earlier call was done", (code, reason) => {
  expect(afterFailure(fresh, lost, failure(code, reason))).toEqual(fresh);
  expect(afterFailure(undecided, lost, failure(code, reason))).toEqual(undecided);
});

test.each([
  [Code.InvalidArgument, ""],
  [Code.FailedPrecondition, "REQUEST_ID_REUSED"],
  [Code.Aborted, "ETAG_MISMATCH"],
  [Code.NotFound, "PAYMENT_NOT_FOUND"],
])("failure %d %s decides the call: the next one has a new key", (code, reason) => {
  const draft = afterFailure(undecided, lost, failure(code, reason));
  expect(draft).toEqual(fresh);
  expect(attemptOf(draft, () => "r-2").requestId).toBe("r-2");
});

test("a call that is under way counts as unanswered, once", () => {
  expect(sending(fresh, lost)).toEqual(undecided);
  expect(sending(undecided, lost)).toEqual(undecided);
});

function tab() {
  const stored = new Map<string, string>();
  return {
    get length() {
      return stored.size;
    },
    key: (index: number) => [...stored.keys()][index] ?? null,
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  };
}

const place = { userId: "ann", pathname: "/console/orders/1", form: "refund" };

test("a form that was left to sign in is read once, by its person, on its page", () => {
  const storage = tab();
  keepDraft(storage, place, fresh);
  expect(takeDraft(storage, { ...place, userId: "ben" })).toBeUndefined();
  expect(takeDraft(storage, { ...place, pathname: "/console/orders/2" })).toBeUndefined();
  expect(takeDraft(storage, { ...place, form: "cancel" })).toBeUndefined();
  expect(takeDraft(storage, place)).toEqual(fresh);
  expect(takeDraft(storage, place)).toBeUndefined();
});

test("a form with an unanswered call is there however often it is opened, until it is dropped", () => {
  const storage = tab();
  keepDraft(storage, place, undecided);
  expect(takeDraft(storage, place)).toEqual(undecided);
  expect(takeDraft(storage, place)).toEqual(undecided);
  dropDraft(storage, place);
  expect(takeDraft(storage, place)).toBeUndefined();
});

test("what other people typed in this tab is removed, and nothing else", () => {
  const storage = tab();
  storage.setItem("sagacart.other", "1");
  keepDraft(storage, place, fresh);
  keepDraft(storage, { ...place, userId: "ann b" }, fresh);
  keepDraft(storage, { ...place, userId: "ben" }, fresh);
  dropDraftsOfOthers(storage, "ann");
  expect(Array.from({ length: storage.length }, (_, index) => storage.key(index))).toEqual([
    "sagacart.other",
    "sagacart.console.draft ann /console/orders/1 refund",
  ]);
});
