import { type Order, Order_State, type OrderChange } from "../../../proto/gen/sagacart/order/v1/order_pb.ts";
import { type ReopenOptions, reopen } from "./reopen.ts";

/** An order as it is now, with its changes since the last update. */
export type OrderUpdate = { readonly order: Order; readonly changes: readonly OrderChange[] };

export type WatchOptions = ReopenOptions & {
  /** The sequence of the last change that was seen; 0n for all of them. */
  readonly after?: bigint;
};

type Update = { readonly order?: Order | undefined; readonly changes: readonly OrderChange[] };

/** Opens a stream of an order's changes after a sequence. */
export type OpenWatch = (afterSequence: bigint, signal: AbortSignal) => AsyncIterable<Update>;

/**
 * Watches an order until it is final: first as it is, then after each change. When the connection is lost, it goes on after
 * the last change that was seen, so that each change comes exactly once and in order.
 */
export async function* watch(
  open: OpenWatch,
  { after = 0n, ...options }: WatchOptions = {},
): AsyncGenerator<OrderUpdate> {
  let seen = after;
  let isFirst = true;
  for await (const { order, changes } of reopen((signal) => open(seen, signal), options)) {
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
