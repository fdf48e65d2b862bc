import { Code, ConnectError } from "@connectrpc/connect";
import { type Order, Order_State, type OrderChange } from "../../../proto/gen/sagacart/order/v1/order_pb.ts";
import { ShopError } from "./errors.ts";
import { backoffMs, pause } from "./pause.ts";

/** An order as it is now, with its changes since the last update. */
export type OrderUpdate = { readonly order: Order; readonly changes: readonly OrderChange[] };

export type WatchOptions = {
  /** The sequence of the last change that was seen; 0n for all of them. */
  readonly after?: bigint;
  readonly signal?: AbortSignal;
  /** Ends the watch with the last error if the shop could not be reached for this time. Default: 5 minutes. */
  readonly giveUpAfterMs?: number;
  /** Opens the stream anew if nothing came for this time, since a dead connection is silent too. Default: 1 minute. */
  readonly renewAfterMs?: number;
};

type Update = { readonly order?: Order | undefined; readonly changes: readonly OrderChange[] };

/** Opens a stream of an order's changes after a sequence. */
export type OpenWatch = (afterSequence: bigint, signal: AbortSignal) => AsyncIterable<Update>;

/**
 * Watches an order until it is final: first as it is, then after each change. When the connection is lost, it goes on after
 * the last change that was seen, so that each change comes exactly once and in order.
 */
export async function* watch(open: OpenWatch, options: WatchOptions = {}): AsyncGenerator<OrderUpdate> {
  const { after = 0n, signal, giveUpAfterMs = 300_000, renewAfterMs = 60_000 } = options;
  let seen = after;
  let isFirst = true;
  let failures = 0;
  let failingSince = Number.POSITIVE_INFINITY;
  for (;;) {
    const stream = createStream(signal, renewAfterMs);
    try {
      for await (const { order, changes } of open(seen, stream.signal)) {
        stream.heard();
        failures = 0;
        failingSince = Number.POSITIVE_INFINITY;
        if (order === undefined) {
          continue;
        }
        const news = changes.filter(({ sequence }) => sequence > seen);
        seen = news.at(-1)?.sequence ?? seen;
        if (isFirst || news.length > 0) {
          isFirst = false;
          yield { order, changes: news };
        }
        if (isFinal(order)) {
          return;
        }
      }
      failures++;
    } catch (error) {
      if (signal?.aborted === true) {
        throw error;
      }
      if (stream.wasSilent) {
        continue;
      }
      failingSince = Math.min(failingSince, Date.now());
      if (!(error instanceof ShopError) || !isPassing(error) || Date.now() - failingSince > giveUpAfterMs) {
        throw error;
      }
      failures++;
    } finally {
      stream.end();
    }
    const longestMs = 5_000;
    await pause(backoffMs(Math.max(1, failures), { firstMs: 200, longestMs }), signal).catch((reason: unknown) => {
      throw new ShopError(ConnectError.from(reason, Code.Canceled), { outcome: "not-done", idempotencyKey: "" });
    });
  }
}

/** Returns true if an order changes its state no more. */
export function isFinal({ state }: Order): boolean {
  return (
    state === Order_State.COMPLETED ||
    state === Order_State.REJECTED ||
    state === Order_State.CANCELLED ||
    state === Order_State.EXPIRED
  );
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
