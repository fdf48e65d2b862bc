import { create } from "@bufbuild/protobuf";
import { type Duration, durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { pageSize } from "@sagacart/chassis/postgres/page";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { type Order, Order_State, OrderRefund_State } from "@sagacart/proto/order/v1/order";
import {
  CancelOrderResponseSchema,
  CheckoutResponseSchema,
  GetOrderRefundResponseSchema,
  GetOrderResponseSchema,
  ListOrderRefundsResponseSchema,
  ListOrdersResponseSchema,
  type OrderService,
  PayOrderResponseSchema,
  RefundOrderResponseSchema,
  WaitFor,
  WatchOrderResponseSchema,
} from "@sagacart/proto/order/v1/order_service";
import type { Checkout } from "../checkout/record-checkouts.ts";
import { requestRefund } from "../refunds/refund-requests.ts";
import { loadRefund, loadRefunds } from "../refunds/refund-store.ts";
import { readTimeKey, writeTimeKey } from "../time-key.ts";
import { checkCustomer, isFinal, type State, stateFromProto } from "./order.ts";
import { listOrders } from "./order-list-store.ts";
import { requestCancel, requestPayment } from "./order-requests.ts";
import { loadDecline } from "./order-store.ts";
import type { Wait, Waiters } from "./waiters.ts";

export type OrderServiceOptions = {
  pool: Pool;
  checkout: Checkout;
  waiters: Waiters;
  /** Called after a commit that recorded an event and a command. */
  recorded: () => void;
};

/** The handlers of OrderService; its proto documents them. */
export function createOrderService(options: OrderServiceOptions) {
  const { pool, checkout, waiters, recorded } = options;

  async function loadOrder(request: { id: string; customerId: string }): Promise<Order> {
    const order = await waiters.load(request.id);
    checkCustomer(order, request);
    return order;
  }

  /** Waits until what is loaded is enough. Returns what there is when the caller's time is over. */
  async function waitUntil<T>(wait: LimitedWait<T>): Promise<T> {
    const { context, waitAtMost, load, ...rest } = wait;
    const waitMs = maxWaitMs(waitAtMost, context);
    const loaded = waitMs <= 0 ? undefined : await waiters.until({ ...rest, load, waitMs, signal: context.signal });
    return loaded ?? (await load());
  }

  function waitForOrder(orderId: string, wait: Omit<LimitedWait<Order>, "orderId" | "load">): Promise<Order> {
    return waitUntil({ ...wait, orderId, load: () => loadOrder({ id: orderId, customerId: "" }) });
  }

  return {
    async checkout(request, context) {
      const { orderId, attached } = await checkout(request);
      const isFarEnough = farEnough(request.waitFor);
      const order =
        request.waitFor === WaitFor.ACCEPTED
          ? await loadOrder({ id: orderId, customerId: "" })
          : await waitForOrder(orderId, {
              context,
              waitAtMost: request.waitAtMost,
              isEnough: ({ state }) => isFarEnough(stateFromProto(state)),
              isRelevant: isFarEnough,
              isNew: !attached,
            });
      return create(CheckoutResponseSchema, { order, attached });
    },

    async getOrder(request) {
      const order = await loadOrder(request);
      return create(GetOrderResponseSchema, {
        order,
        changes: await waiters.loadChanges({ orderId: order.id, after: 0n }),
      });
    },

    async listOrders(request) {
      const { customerId, cartId, productId } = request;
      const states = [...new Set(request.states.map(stateFromProto))].filter((state) => state !== undefined).sort();
      const createdFrom = request.createTimeFrom && timestampDate(request.createTimeFrom);
      const createdBefore = request.createTimeBefore && timestampDate(request.createTimeBefore);
      const times = [createdFrom, createdBefore].map((time) => time?.getTime() ?? "");
      // A list without the newer filters has the tokens that it had before there were these.
      const more = productId === "" && times.join("") === "" ? [] : [productId, ...times];
      const of = ["orders", customerId, cartId, states.join(), ...more].join(" ");
      const { orders, next } = await listOrders(pool, {
        customerId,
        cartId,
        states,
        productId,
        createdFrom,
        createdBefore,
        before: readTimeKey(request.pageToken, of),
        limit: pageSize(request.pageSize),
      });
      return create(ListOrdersResponseSchema, {
        orders: [...orders],
        nextPageToken: next === undefined ? "" : writeTimeKey(next, of),
      });
    },

    async payOrder(request, context) {
      const attempt = await requestPayment(pool, request);
      recorded();
      const isFarEnough = farEnough(request.waitFor);
      const order = await waitForOrder(request.id, {
        context,
        waitAtMost: request.waitAtMost,
        isEnough: ({ state, payment }) =>
          state === Order_State.AWAITING_PAYMENT
            ? payment !== undefined && (payment.attempt > attempt || payment.declineReason !== "")
            : isFarEnough(stateFromProto(state)),
      });
      return create(PayOrderResponseSchema, await answerOfAttempt(pool, order, attempt));
    },

    async cancelOrder(request, context) {
      const state = await requestCancel(pool, request);
      waiters.changed([[request.id, state]]);
      recorded();
      const order = await waitForOrder(request.id, {
        context,
        waitAtMost: request.waitAtMost,
        isEnough: ({ state }) => isOver(stateFromProto(state)),
        isRelevant: isOver,
      });
      return create(CancelOrderResponseSchema, { order });
    },

    async refundOrder(request, context) {
      const { orderId } = request;
      const refundId = await requestRefund(pool, request);
      recorded();
      const refund = await waitUntil({
        context,
        waitAtMost: request.waitAtMost,
        orderId,
        load: () => loadRefund(pool, orderId, refundId),
        isEnough: ({ state }) => state !== OrderRefund_State.PENDING,
      });
      return create(RefundOrderResponseSchema, { refund });
    },

    async getOrderRefund(request) {
      await loadOrder({ id: request.orderId, customerId: request.customerId });
      return create(GetOrderRefundResponseSchema, {
        refund: await loadRefund(pool, request.orderId, request.refundId),
      });
    },

    async listOrderRefunds(request) {
      await loadOrder({ id: request.orderId, customerId: request.customerId });
      return create(ListOrderRefundsResponseSchema, { refunds: await loadRefunds(pool, request.orderId) });
    },

    async *watchOrder(request, context) {
      let order = await loadOrder(request);
      let after = request.afterSequence;
      let sent: bigint | undefined;
      for (;;) {
        const changes = await waiters.loadChanges({ orderId: order.id, after });
        // The changes may be newer than the order, which was read before: then it follows without any.
        if (changes.length > 0 || order.sequence !== sent) {
          yield create(WatchOrderResponseSchema, { order, changes });
          sent = order.sequence;
        }
        after = changes.at(-1)?.sequence ?? after;
        if (isOver(stateFromProto(order.state)) || context.signal.aborted) {
          return;
        }
        const { id, sequence: seen } = order;
        const next = await waiters.until({
          orderId: id,
          load: () => waiters.load(id),
          isEnough: ({ sequence }) => sequence > seen,
          waitMs: watchRoundMs,
          signal: context.signal,
        });
        order = next ?? order;
      }
    },
  } satisfies ServiceImpl<typeof OrderService>;
}

type LimitedWait<T> = Omit<Wait<T>, "load" | "waitMs" | "signal"> & {
  readonly load: () => Promise<T>;
  readonly context: HandlerContext;
  readonly waitAtMost: Duration | undefined;
};

/**
 * Returns the order with the outcome of one attempt to pay it. A later attempt may be under way already, of another caller:
 * the order then no longer has the reason for which this one was declined, and its event has.
 */
async function answerOfAttempt(
  pool: Pool,
  order: Order,
  attempt: number,
): Promise<{ order: Order; attempt: number; declineReason: string }> {
  const { state, payment } = order;
  if (payment === undefined || payment.attempt <= attempt) {
    return { order, attempt, declineReason: payment?.declineReason ?? "" };
  }
  const declineReason = (await loadDecline(pool, order.id, attempt)) ?? "";
  // Orders that are loaded at the same time are one object: a changed copy.
  const { requestedBy: _, ...rest } = payment;
  return state === Order_State.AWAITING_PAYMENT
    ? { order: { ...order, payment: { ...rest, attempt, declineReason } }, attempt, declineReason }
    : { order, attempt, declineReason };
}

/** Bounds each wait of a stream, which may live for hours. */
const watchRoundMs = 60_000;

/** The time that an answer needs to arrive before the caller's deadline. */
const answerMs = 200;
const defaultWaitMs = 30_000;

/** Computes how long an answer may wait, leaving the time that it needs to arrive before the caller's deadline. */
export function maxWaitMs(waitAtMost: Duration | undefined, context: Pick<HandlerContext, "timeoutMs">): number {
  const requestedMs = waitAtMost === undefined ? defaultWaitMs : durationMs(waitAtMost);
  const leftMs = context.timeoutMs();
  return leftMs === undefined ? requestedMs : Math.min(requestedMs, leftMs - answerMs);
}

function isOver(state: State | undefined): boolean {
  return state !== undefined && isFinal(state);
}

/** Returns the test for whether an order is as far as the caller waits for. An order being undone is waited for. */
function farEnough(waitFor: WaitFor): (state: State | undefined) => boolean {
  const states = farEnoughStates[waitFor] ?? [];
  return (state) => state !== undefined && (isFinal(state) || states.includes(state));
}

const farEnoughStates: Readonly<Record<WaitFor, readonly State[]>> = {
  [WaitFor.ACCEPTED]: ["PENDING", "RESERVED", "AWAITING_PAYMENT", "PAID", "SHIPPING", "CANCELLING"],
  [WaitFor.RESERVED]: ["RESERVED", "AWAITING_PAYMENT", "PAID", "SHIPPING"],
  [WaitFor.PAID]: ["AWAITING_PAYMENT", "PAID", "SHIPPING"],
  [WaitFor.COMPLETED]: ["AWAITING_PAYMENT"],
  [WaitFor.UNSPECIFIED]: ["AWAITING_PAYMENT"],
};
