import { durationFromMs, timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Verifier } from "@sagacart/chassis/auth/verify";
import { errorInfo } from "@sagacart/chassis/errors";
import type { Order } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { callerLeft } from "@sagacart/rest/caller-left";
import { EdgeError } from "@sagacart/rest/problem";
import type { FastifyInstance } from "fastify";
import { keyOf } from "../request-key.ts";
import type { Clients } from "../services.ts";
import { allAddresses } from "./address-book.ts";
import * as answer from "./answers.ts";
import * as body from "./bodies.ts";
import { refuseOrdersFor } from "./orders-for.ts";
import { createPlaceOrder } from "./place-order.ts";
import {
  addressIdOf,
  addressOf,
  decimalOf,
  isDefaultOf,
  orderOf,
  productOf,
  statesOf,
  statusOf,
  summaryOf,
  userOf,
} from "./views.ts";

export type OrdersOptions = {
  readonly clients: Clients;
  readonly verifier: Verifier | undefined;
  readonly paymentMethod: string;
  readonly waitMs: number;
};

/** Serves the shop's order service: an order reserves stock, and is paid or cancelled later. */
export function orders(app: FastifyInstance, { clients, verifier, paymentMethod, waitMs }: OrdersOptions): void {
  const { orders, products, users } = clients;
  const placeOrder = createPlaceOrder({ orders, users, paymentMethod, waitMs });
  const refuseOrdersForOthers = refuseOrdersFor(verifier);
  const waitAtMost = durationFromMs(waitMs);
  const timeoutMs = waitMs + 5_000;

  app.post<{ Body: body.NewOrder; Headers: { "idempotency-key"?: string } }>(
    "/api/v1/orders",
    {
      config: { answers: { 200: answer.orderStatusOnly, 201: answer.orderStatusOnly } },
      schema: {
        summary: "Place an order: its stock is set aside, and it waits to be paid",
        body: body.newOrder,
        headers: body.idempotencyKey,
      },
    },
    async (request, reply) => {
      await refuseOrdersForOthers(String(request.body.userId), request.headers.authorization);
      const { id, replayed } = await placeOrder(request.body, request.headers["idempotency-key"], callerLeft(reply));
      if (replayed) {
        reply.header("idempotency-replayed", "true");
      }
      // A repeat gets the first answer, whatever has happened to the order since.
      return reply.code(replayed ? 200 : 201).send({ id, status: "PENDING" });
    },
  );

  app.get<{ Querystring: body.OrderList }>(
    "/api/v1/orders",
    {
      config: { answers: { 200: answer.orders } },
      schema: { summary: "List orders, newest first", querystring: body.orderList },
    },
    async ({ query: { userId = "", status, limit = "20", cursor = "" } }) => {
      const page = await orders.listOrders({
        customerId: userId,
        states: status === undefined ? [] : [...(statesOf.get(status) ?? [])],
        pageSize: Math.min(100, Math.max(1, Number(limit))),
        pageToken: cursor,
      });
      return { orders: page.orders.map(summaryOf), nextCursor: page.nextPageToken || null };
    },
  );

  app.get<{ Params: { id: string } }>(
    "/api/v1/orders/:id",
    { config: { answers: { 200: answer.order } }, schema: { summary: "Get an order", params: body.id } },
    async ({ params }) => orderOf(await theOrder(params.id)),
  );

  app.get<{ Params: { id: string } }>(
    "/api/v1/orders/:id/details",
    {
      config: { answers: { 200: answer.details } },
      schema: { summary: "Get an order, with its user, its address and its products", params: body.id },
    },
    async ({ params }) => {
      const order = await theOrder(params.id);
      const [user, addresses, found] = await Promise.all([
        orNull(users.getUser({ id: order.customerId })),
        orNull(allAddresses(users, order.customerId)),
        products.batchGetProducts({ ids: order.lines.map(({ productId }) => productId) }),
      ]);
      const byId = new Map(found.products.map((product) => [product.id, product]));
      return {
        id: order.id,
        status: statusOf(order),
        total_amount: Number(decimalOf(order.total)),
        created_at: order.createTime === undefined ? null : timestampDate(order.createTime).toISOString(),
        updated_at: order.updateTime === undefined ? null : timestampDate(order.updateTime).toISOString(),
        userId: order.customerId,
        shippingAddressId: addressIdOf(order),
        // The order's own copy of the address: the address book may have changed since.
        shippingAddress:
          order.shippingAddress === undefined
            ? null
            : {
                id: addressIdOf(order),
                ...addressOf(order.shippingAddress),
                is_default: isDefaultOf(addresses ?? [], addressIdOf(order)),
              },
        user: user?.user === undefined ? null : userOf(user.user, addresses ?? []),
        items: order.lines.map(({ productId, quantity }) => {
          const product = byId.get(productId);
          return { productId, quantity, product: product === undefined ? null : productOf(product) };
        }),
      };
    },
  );

  app.post<{ Params: { id: string } }>(
    "/api/v1/orders/:id/pay",
    {
      config: { answers: { 200: answer.orderStatusOnly } },
      schema: { summary: "Pay an order, and have it shipped", params: body.id, headers: body.idempotencyKey },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { order, declineReason } = await orders.payOrder(
        { id, waitFor: WaitFor.COMPLETED, waitAtMost, requestId: keyOf(request) },
        { signal: callerLeft(reply), timeoutMs },
      );
      const status = order === undefined ? "PENDING" : statusOf(order);
      // Of this call's attempt: a repeat is told the same, whatever later attempts came to.
      const reason = declineReason || (status === "PENDING" ? order?.payment?.declineReason : undefined);
      if (reason) {
        throw declined(id, reason);
      }
      if (order === undefined || status === "PENDING") {
        throw new EdgeError("NOT_DECIDED", `the payment of order ${id} is under way`, {
          headers: { "retry-after": "1" },
          metadata: { order_id: id },
        });
      }
      if (status === "CANCELLED") {
        throw new EdgeError("ORDER_CANCELLED", `order ${id} is cancelled: ${order.outcomeReason}`, {
          metadata: { order_id: id, reason: order.outcomeReason },
        });
      }
      return { id, status };
    },
  );

  app.post<{ Params: { id: string } }>(
    "/api/v1/orders/:id/cancel",
    {
      config: { answers: { 200: answer.orderStatusOnly } },
      schema: { summary: "Cancel an order that is not paid, and give its stock back", params: body.id },
    },
    async ({ params: { id } }, reply) => {
      const order = await theOrder(id);
      const status = statusOf(order);
      if (status === "PENDING") {
        const now = await cancel(order, callerLeft(reply));
        if (statusOf(now) === "CANCELLED") {
          return { id, status: "CANCELLED" };
        }
        throw new EdgeError("NOT_DECIDED", `order ${id} is to be cancelled, and is not yet`, {
          headers: { "retry-after": "1" },
          metadata: { order_id: id },
        });
      }
      if (status === "PAID") {
        throw alreadyPaid(id);
      }
      return { id, status };
    },
  );

  async function theOrder(id: string): Promise<Order> {
    const { order } = await orders.getOrder({ id });
    if (order === undefined) {
      throw new ConnectError(`the order service answered without order ${id}`, Code.Internal);
    }
    return order;
  }

  /** Cancels an unpaid order, and returns it when that is done or at the deadline. It may have ended meanwhile; throws if it was paid. */
  async function cancel({ id, customerId }: Order, signal: AbortSignal): Promise<Order> {
    try {
      const { order } = await orders.cancelOrder(
        { id, customerId, onlyUnpaid: true, waitAtMost },
        { signal, timeoutMs },
      );
      return order ?? (await theOrder(id));
    } catch (error) {
      if (errorInfo(error).reason !== "NOT_CANCELLABLE") {
        throw error;
      }
      const order = await theOrder(id);
      if (statusOf(order) === "PAID") {
        throw alreadyPaid(id);
      }
      return order;
    }
  }
}

/** Resolves with null for what is not found; other errors are thrown. */
async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (errorInfo(error).code === Code.NotFound) {
      return null;
    }
    throw error;
  }
}

function alreadyPaid(id: string): EdgeError {
  return new EdgeError("ORDER_PAID", `order ${id} is paid; it can no longer be cancelled`, {
    metadata: { order_id: id },
  });
}

function declined(id: string, reason: string): EdgeError {
  return new EdgeError("PAYMENT_DECLINED", `the payment of order ${id} was declined: ${reason}`, {
    metadata: { order_id: id, decline_reason: reason },
  });
}
