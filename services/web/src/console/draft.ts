import { Code } from "@connectrpc/connect";
import type { Failure } from "../rpc/failure.ts";
import { newRequestId } from "../rpc/request-id.ts";

type Values = Readonly<Record<string, string>>;

/** A call as it was sent: what its form had, and the key that makes the call safe to repeat. */
export type Attempt = { readonly values: Values; readonly requestId: string };

/** The texts that a person typed into a form, and the calls that were sent of it but not answered, so that they may have been done. */
export type Draft = { readonly values: Values; readonly unanswered: readonly Attempt[] };

/** Returns the call to send: the unanswered one with the same values again, by its key, or else one with a new key. */
export function attemptOf({ values, unanswered }: Draft, newId: () => string = newRequestId): Attempt {
  return unanswered.find((attempt) => isSame(attempt.values, values)) ?? { values, requestId: newId() };
}

/** Returns the draft while a call is under way, of which nobody knows yet whether it is done. */
export function sending(draft: Draft, attempt: Attempt): Draft {
  return { ...draft, unanswered: [...without(draft, attempt), attempt].slice(-mostUnanswered) };
}

const mostUnanswered = 20;

/** Returns the draft after a call has failed. `before` is the draft from before it was sent. */
export function afterFailure(before: Draft, attempt: Attempt, failure: Failure): Draft {
  switch (meaningOf(failure)) {
    case "unknown":
      return sending(before, attempt);
    case "turned-away":
      return before;
    case "decided":
      return { ...before, unanswered: without(before, attempt) };
  }
}

/**
 * Returns what a failure tells of a call that may have been sent before. A call that was turned away did nothing, but it did not
 * get as far as to where its key is looked up: an earlier one with this key may have been done.
 */
function meaningOf({ code, reason }: Failure): "unknown" | "turned-away" | "decided" {
  switch (code) {
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Unknown:
    case Code.Internal:
    case Code.DataLoss:
    case Code.Canceled:
      return "unknown";
    case Code.Unauthenticated:
    case Code.PermissionDenied:
    case Code.ResourceExhausted:
      return "turned-away";
    default:
      // CONTENTION is about the request id itself.
      return reason === "CONTENTION" ? "turned-away" : "decided";
  }
}

function without({ unanswered }: Draft, { requestId }: Attempt): Attempt[] {
  return unanswered.filter((attempt) => attempt.requestId !== requestId);
}

function isSame(one: Values, other: Values): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => (one[name] ?? "") === (other[name] ?? ""));
}

/** Where this tab keeps a draft: by its person, page and form. */
export type DraftPlace = { readonly userId: string; readonly pathname: string; readonly form: string };

const prefix = "sagacart.console.draft ";
const prefixOf = (userId: string) => `${prefix}${encodeURIComponent(userId)} `;
const keyOf = ({ userId, pathname, form }: DraftPlace) => `${prefixOf(userId)}${pathname} ${form}`;

/** Keeps a draft for this tab, while its person is away to sign in again or has closed the form. */
export function keepDraft(storage: Pick<Storage, "setItem">, place: DraftPlace, draft: Draft): void {
  storage.setItem(keyOf(place), JSON.stringify(draft));
}

export function dropDraft(storage: Pick<Storage, "removeItem">, place: DraftPlace): void {
  storage.removeItem(keyOf(place));
}

/** Reads a draft. One of which nothing was sent is read once; the others stay until they are dropped. */
export function takeDraft(storage: Pick<Storage, "getItem" | "removeItem">, place: DraftPlace): Draft | undefined {
  const text = storage.getItem(keyOf(place));
  if (text === null) {
    return undefined;
  }
  const draft: Draft = JSON.parse(text);
  if (draft.unanswered.length === 0) {
    dropDraft(storage, place);
  }
  return draft;
}

/** Removes what other people typed in this tab. */
export function dropDraftsOfOthers(storage: Pick<Storage, "key" | "length" | "removeItem">, userId: string): void {
  const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "");
  for (const key of keys.filter((known) => known.startsWith(prefix) && !known.startsWith(prefixOf(userId)))) {
    storage.removeItem(key);
  }
}
