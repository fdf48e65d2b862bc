import { create } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { pageSize } from "@sagacart/chassis/page";
import type { Pool } from "@sagacart/chassis/postgres";
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
import type { Checkout } from "./checkout.ts";
import { isFinal, type State, stateFromProto } from "./order.ts";
import { requestCancel, requestPayment } from "./order-requests.ts";
import { listOrders, loadChanges } from "./order-store.ts";
import { reasons } from "./reasons.ts";
import { loadRefund, loadRefunds, requestRefund } from "./refund-store.ts";
import { readTimeKey, writeTimeKey } from "./time-key.ts";
import type { Waiters } from "./waiters.ts";

export type OrderServiceOptions = {
  pool: Pool;
  checkout: Checkout;
  waiters: Waiters;
  /** Called after a commit that recorded an event and a command. */
  recorded: () => void;
};

/** The handlers of OrderService: the promises are in its proto. */
export function createOrderService(options: OrderServiceOptions): ServiceImpl<typeof OrderService> {
  const { pool, checkout, waiters, recorded } = options;

  async function orderOf(request: { id: string; customerId: string }): Promise<Order> {
    const order = await waiters.load(request.id);
    if (order === undefined || (request.customerId !== "" && order.customerId !== request.customerId)) {
      throw orderNotFound(request.id);
    }
    return order;
  }

  /** The order once it came far enough, or as it is when the time to wait is over. */
  async function waitUntil(orderId: string, wait: Wait): Promise<Order> {
    const { context, waitAtMost, ...rest } = wait;
    const waitMs = timeToWait(waitAtMost, context);
    const order = waitMs <= 0 ? undefined : await waiters.until({ orderId, waitMs, signal: context.signal, ...rest });
    return order ?? (await orderOf({ id: orderId, customerId: "" }));
  }

  return {
    async checkout(request, context) {
      const { orderId, attached } = await checkout(request);
      const isThere = reached(request.waitFor);
      const order =
        request.waitFor === WaitFor.ACCEPTED
          ? await orderOf({ id: orderId, customerId: "" })
          : await waitUntil(orderId, {
              context,
              waitAtMost: request.waitAtMost,
              enough: ({ state }) => isThere(stateFromProto(state)),
              worthALook: isThere,
              fresh: !attached,
            });
      return create(CheckoutResponseSchema, { order, attached });
    },

    async getOrder(request) {
      const order = await orderOf(request);
      return create(GetOrderResponseSchema, { order, changes: await loadChanges(pool, order.id, 0n) });
    },

    async listOrders(request) {
      const { customerId, cartId } = request;
      const states = request.states.map(stateFromProto).filter((state) => state !== undefined);
      const of = `orders ${customerId} ${cartId} ${states.join()}`;
      const limit = pageSize(request.pageSize);
      const before = readTimeKey(request.pageToken, of);
      const page = await listOrders(pool, { customerId, cartId, states, before, limit: limit + 1 });
      const last = page.length > limit ? page[limit - 1] : undefined;
      return create(ListOrdersResponseSchema, {
        orders: page.slice(0, limit).map(({ order }) => order),
        nextPageToken: last === undefined ? "" : writeTimeKey(last.key, of),
      });
    },

    async payOrder(request, context) {
      const attempt = await requestPayment(pool, request);
      recorded();
      const isThere = reached(request.waitFor);
      const order = await waitUntil(request.id, {
        context,
        waitAtMost: request.waitAtMost,
        enough: ({ state, payment }) =>
          state === Order_State.AWAITING_PAYMENT
            ? payment !== undefined && (payment.attempt > attempt || payment.declineReason !== "")
            : isThere(stateFromProto(state)),
      });
      return create(PayOrderResponseSchema, { order });
    },

    async cancelOrder(request, context) {
      const state = await requestCancel(pool, request);
      waiters.changed([[request.id, state]]);
      recorded();
      const order = await waitUntil(request.id, {
        context,
        waitAtMost: request.waitAtMost,
        enough: ({ state }) => isOver(stateFromProto(state)),
        worthALook: isOver,
      });
      return create(CancelOrderResponseSchema, { order });
    },

    async refundOrder(request, context) {
      const { refundId } = await requestRefund(pool, request);
      recorded();
      const load = () => loadRefund(pool, request.orderId, refundId);
      const waitMs = timeToWait(request.waitAtMost, context);
      const settled = await untilSettled(waiters, { orderId: request.orderId, load, waitMs, signal: context.signal });
      return create(RefundOrderResponseSchema, { refund: settled ?? (await load()) });
    },

    async getOrderRefund(request) {
      await orderOf({ id: request.orderId, customerId: request.customerId });
      return create(GetOrderRefundResponseSchema, {
        refund: await loadRefund(pool, request.orderId, request.refundId),
      });
    },

    async listOrderRefunds(request) {
      await orderOf({ id: request.orderId, customerId: request.customerId });
      return create(ListOrderRefundsResponseSchema, { refunds: await loadRefunds(pool, request.orderId) });
    },

    async *watchOrder(request, context) {
      let order = await orderOf(request);
      let after = request.afterSequence;
      for (let first = true; ; first = false) {
        const changes = await loadChanges(pool, order.id, after);
        if (first || changes.length > 0) {
          yield create(WatchOrderResponseSchema, { order, changes });
        }
        after = changes.at(-1)?.sequence ?? after;
        if (isOver(stateFromProto(order.state)) || context.signal.aborted) {
          return;
        }
        const seen = order.sequence;
        const next = await waiters.until({
          orderId: order.id,
          enough: ({ sequence }) => sequence > seen,
          waitMs: watchAgainMs,
          signal: context.signal,
        });
        order = next ?? order;
      }
    },
  };
}

export function orderNotFound(orderId: string): DomainError {
  return new DomainError(reasons, "ORDER_NOT_FOUND", `there is no order ${orderId}`, { order_id: orderId });
}

type Wait = {
  context: HandlerContext;
  waitAtMost: Duration | undefined;
  enough: (order: Order) => boolean;
  worthALook?: (state: State) => boolean;
  fresh?: boolean;
};

/** A watcher that hears nothing looks again after this long: a stream may live for hours. */
const watchAgainMs = 60_000;

/** The answer has to be on its way before the caller's deadline. */
const answerMs = 200;
const defaultWaitMs = 30_000;

/** Computes how long an answer may wait, which leaves time to give it before the caller's deadline. */
export function timeToWait(waitAtMost: Duration | undefined, context: Pick<HandlerContext, "timeoutMs">): number {
  const asked = waitAtMost === undefined ? defaultWaitMs : durationMs(waitAtMost);
  const leftMs = context.timeoutMs();
  return leftMs === undefined ? asked : Math.min(asked, leftMs - answerMs);
}

function isOver(state: State | undefined): boolean {
  return state !== undefined && isFinal(state);
}

/** Whether an order in a state came as far as the caller waits for. One that is being undone is waited for. */
function reached(waitFor: WaitFor): (state: State | undefined) => boolean {
  const enough = enoughFor[waitFor] ?? [];
  return (state) => state !== undefined && (isFinal(state) || enough.includes(state));
}

const enoughFor: Readonly<Record<WaitFor, readonly State[]>> = {
  [WaitFor.ACCEPTED]: ["PENDING", "RESERVED", "AWAITING_PAYMENT", "PAID", "SHIPPING", "CANCELLING"],
  [WaitFor.RESERVED]: ["RESERVED", "AWAITING_PAYMENT", "PAID", "SHIPPING"],
  [WaitFor.PAID]: ["AWAITING_PAYMENT", "PAID", "SHIPPING"],
  [WaitFor.COMPLETED]: ["AWAITING_PAYMENT"],
  [WaitFor.UNSPECIFIED]: ["AWAITING_PAYMENT"],
};

type Refund = Awaited<ReturnType<typeof loadRefund>>;

async function untilSettled(
  waiters: Waiters,
  wait: { orderId: string; load: () => Promise<Refund>; waitMs: number; signal: AbortSignal },
): Promise<Refund | undefined> {
  const until = Date.now() + wait.waitMs;
  for (;;) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = waiters.listen(wait.orderId, () => resolve());
    const refund = await wait.load();
    const leftMs = until - Date.now();
    if (refund.state !== OrderRefund_State.PENDING || leftMs <= 0 || wait.signal.aborted) {
      stop();
      return refund.state === OrderRefund_State.PENDING ? undefined : refund;
    }
    const timer = setTimeout(resolve, leftMs);
    wait.signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
    stop();
  }
}
