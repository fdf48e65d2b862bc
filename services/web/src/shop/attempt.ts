import { newRequestId } from "../rpc/request-id.ts";

/** The idempotency key of what a person is trying to do. */
export type Attempt = {
  /** Returns the same key for the same content until it has succeeded, so that a repeat after a lost answer counts once. */
  requestIdFor(content: string): string;
  /** Makes the next attempt a new one, even with the same content. */
  succeeded(): void;
};

export function createAttempt(): Attempt {
  let current: { readonly content: string; readonly requestId: string } | undefined;
  return {
    requestIdFor(content) {
      if (current?.content !== content) {
        current = { content, requestId: newRequestId() };
      }
      return current.requestId;
    },
    succeeded() {
      current = undefined;
    },
  };
}
