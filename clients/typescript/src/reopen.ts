import { Code, ConnectError } from "@connectrpc/connect";
import { ShopError } from "./errors.ts";
import { backoffMs, pause } from "./pause.ts";

export type ReopenOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Ends with the last error if nothing came in this time, however often the stream was opened. Default: 5 minutes. */
  readonly giveUpAfterMs?: number;
  /** Opens the stream anew if nothing came for this time, since a dead connection is silent too. Default: 1 minute. */
  readonly renewAfterMs?: number;
};

/**
 * Reads a stream, and opens it again when it ends or its connection is lost, until the reader leaves. `open` reads on from the
 * reader's cursor.
 */
export async function* reopen<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  { signal, giveUpAfterMs = 300_000, renewAfterMs = 60_000 }: ReopenOptions = {},
): AsyncGenerator<T> {
  let failures = 0;
  let failingSince = Number.POSITIVE_INFINITY;
  for (;;) {
    const stream = createStream(signal, renewAfterMs);
    let failure: unknown;
    try {
      for await (const message of open(stream.signal)) {
        stream.heard();
        failures = 0;
        failingSince = Number.POSITIVE_INFINITY;
        yield message;
      }
      failure = lost("the stream ended");
    } catch (error) {
      if (signal?.aborted === true) {
        throw error;
      }
      failure = stream.wasSilent ? lost(`nothing came for ${renewAfterMs} ms`) : error;
    } finally {
      stream.end();
    }
    failures++;
    failingSince = Math.min(failingSince, Date.now());
    if (!(failure instanceof ShopError) || !isPassing(failure) || Date.now() - failingSince > giveUpAfterMs) {
      throw failure;
    }
    const longestMs = 5_000;
    await pause(backoffMs(failures, { firstMs: 200, longestMs }), signal).catch((reason: unknown) => {
      throw new ShopError(ConnectError.from(reason, Code.Canceled), { outcome: "not-done", idempotencyKey: "" });
    });
  }
}

/** The outcome of a stream whose connection says nothing, or says nothing of an error. */
function lost(message: string): ShopError {
  return new ShopError(new ConnectError(message, Code.Unavailable), { outcome: "unknown", idempotencyKey: "" });
}

/** Returns true if the shop may answer otherwise later. */
function isPassing({ outcome, code }: ShopError): boolean {
  return outcome === "unknown" || code === Code.ResourceExhausted || code === Code.Aborted;
}

/** The time limit of one stream, which each message extends. */
function createStream(outer: AbortSignal | undefined, silentMs: number) {
  const controller = new AbortController();
  let wasSilent = false;
  const leave = () => controller.abort(outer?.reason);
  const start = () =>
    setTimeout(() => {
      wasSilent = true;
      controller.abort();
    }, silentMs);
  let timer = start();
  if (outer?.aborted === true) {
    leave();
  }
  outer?.addEventListener("abort", leave, { once: true });
  return {
    signal: controller.signal,
    get wasSilent() {
      return wasSilent;
    },
    heard() {
      clearTimeout(timer);
      timer = start();
    },
    end() {
      clearTimeout(timer);
      outer?.removeEventListener("abort", leave);
      controller.abort();
    },
  };
}
