import { clone, create, type DescMessage, type DescMethod, type Message } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { type Outcome, outcomeOf, reasonOf, retryAfterMsOf, ShopError } from "./errors.ts";
import { newKey } from "./key.ts";
import { backoffMs, pause } from "./pause.ts";

export type RetryOptions = {
  /** The longest time for a call with all its tries. A call's own `timeoutMs` replaces it. Default: 90 s. */
  readonly timeoutMs?: number;
  /** The most tries of a call. Default: 6. */
  readonly tries?: number;
  /** The pause after the first failure; it doubles. Default: 200 ms. */
  readonly firstPauseMs?: number;
  /** The longest pause, also if the shop asks for a longer one: then the call fails at once. Default: 10 s. */
  readonly longestPauseMs?: number;
};

/**
 * Makes calls survive lost connections, restarts of the shop and its limits, without doing anything twice.
 *
 * A request that changes something gets an idempotency key (`requestId`) if it has none, and each try sends the same key. Only
 * methods that the contract calls idempotent are repeated after a failure whose outcome is unknown; all others only if the
 * shop refused the call before it did anything. Errors are ShopErrors.
 */
export function withRetries(inner: Transport, options: RetryOptions = {}): Transport {
  const { timeoutMs: defaultTimeoutMs = 90_000, tries = 6, firstPauseMs = 200, longestPauseMs = 10_000 } = options;
  return {
    async unary(method, signal, timeoutMs = defaultTimeoutMs, header, input, contextValues) {
      const message = withKey(method.input, input);
      const idempotencyKey = keyOf(message);
      const deadline = Date.now() + timeoutMs;
      let outcome: Outcome = "not-done";
      for (let failures = 1; ; failures++) {
        const leftMs = deadline - Date.now();
        try {
          return await inner.unary(
            method,
            signal,
            Math.max(1, Math.min(leftMs, tryTimeoutMs(message))),
            header,
            message,
            contextValues,
          );
        } catch (thrown) {
          const error = ConnectError.from(thrown);
          outcome = afterAll(outcome, outcomeOf(error));
          const askedMs = retryAfterMsOf(error) ?? 0;
          const pauseMs = Math.max(askedMs, backoffMs(failures, { firstMs: firstPauseMs, longestMs: longestPauseMs }));
          const isLast =
            signal?.aborted === true ||
            failures >= tries ||
            askedMs > longestPauseMs ||
            Date.now() + pauseMs >= deadline ||
            !mayRepeat(method, error);
          if (isLast) {
            throw new ShopError(error, { outcome, idempotencyKey });
          }
          await pause(pauseMs, signal).catch((reason: unknown) => {
            throw new ShopError(ConnectError.from(reason, Code.Canceled), { outcome, idempotencyKey });
          });
        }
      }
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      try {
        const response = await inner.stream(method, signal, timeoutMs, header, input, contextValues);
        return { ...response, message: withShopErrors(response.message) };
      } catch (error) {
        throw ofStream(error);
      }
    },
  };
}

/** Returns true if the shop may answer otherwise soon, and nothing can be done twice by asking again. */
function mayRepeat({ idempotency }: DescMethod, error: ConnectError): boolean {
  switch (error.code) {
    case Code.ResourceExhausted:
      // A limit of the shop's, checked before anything is done. Without a time it is a size that will not fit later either.
      return retryAfterMsOf(error) !== undefined;
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Internal:
    case Code.Unknown:
    case Code.Canceled:
    case Code.Aborted:
      return (
        (idempotency === MethodOptions_IdempotencyLevel.IDEMPOTENT ||
          idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) &&
        (isLost(error) || error.code === Code.Unavailable || reasonOf(error) === "CONTENTION")
      );
    default:
      return false;
  }
}

/**
 * Returns true if an answer was lost on the way: no reason of the shop's came with it. Transports have many codes for a
 * connection that ended, INTERNAL and UNKNOWN among them.
 */
function isLost(error: ConnectError): boolean {
  return outcomeOf(error) === "unknown" && (reasonOf(error) === "" || error.code === Code.DeadlineExceeded);
}

/** Returns what is known after all tries: a later refusal before anything was done says nothing about an earlier lost answer. */
function afterAll(earlier: Outcome, latest: Outcome): Outcome {
  return earlier === "unknown" && latest === "not-done" ? "unknown" : latest;
}

/** Returns the longest time for one try: a connection that is silently dead must not use up the time of the call. */
function tryTimeoutMs(message: Message): number {
  if (!("waitFor" in message || "waitAtMost" in message)) {
    return 15_000;
  }
  const wait: unknown = "waitAtMost" in message ? message.waitAtMost : undefined;
  const seconds = typeof wait === "object" && wait !== null && "seconds" in wait ? Number(wait.seconds) : 30;
  return seconds * 1000 + 10_000;
}

/** Returns a copy of the request with an idempotency key, if its method takes one and it has none. */
function withKey<I extends DescMessage>(schema: I, input: Parameters<typeof create<I>>[1]) {
  const message = clone(schema, create(schema, input));
  if ("requestId" in message && message.requestId === "") {
    Reflect.set(message, "requestId", newKey());
  }
  return message;
}

function keyOf(message: Message): string {
  return "requestId" in message && typeof message.requestId === "string" ? message.requestId : "";
}

async function* withShopErrors<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw ofStream(error);
  }
}

function ofStream(thrown: unknown): ShopError {
  const error = ConnectError.from(thrown);
  return new ShopError(error, { outcome: outcomeOf(error), idempotencyKey: "" });
}
