import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import { DomainError } from "@sagacart/chassis/errors";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import {
  CancelGuestOrderResponseSchema,
  CheckoutGuestCartResponseSchema,
  ClaimGuestOrderResponseSchema,
  GetGuestOrderResponseSchema,
  type GuestOrderService,
  PayGuestOrderResponseSchema,
  WatchGuestOrderResponseSchema,
} from "@sagacart/proto/order/v1/guest_order_service";
import type { Order } from "@sagacart/proto/order/v1/order";
import {
  CancelOrderRequestSchema,
  CheckoutRequestSchema,
  GetOrderRequestSchema,
  PayOrderRequestSchema,
  WatchOrderRequestSchema,
} from "@sagacart/proto/order/v1/order_service";
import { guestCustomerIdOf } from "../carts/guest-token.ts";
import { loadCart } from "../carts/load-cart.ts";
import { orderNotFound } from "../orders/order.ts";
import type { createOrderService } from "../orders/order-service.ts";
import { reasons } from "../reasons.ts";
import { type AnonymousBudget, changeBytes, orderBytes } from "./anonymous-budget.ts";
import { claimOrder } from "./claim-order.ts";

export type GuestOrderServiceOptions = {
  pool: Pool;
  budget: AnonymousBudget;
  orders: ReturnType<typeof createOrderService>;
  /** Called after a commit that recorded an event. */
  recorded: () => void;
};

/**
 * The handlers of GuestOrderService; its proto documents them. Anyone may call most of them: they act for the customer
 * that the guest token leads to, and so reach the orders of that guest and no others.
 */
export function createGuestOrderService(options: GuestOrderServiceOptions): ServiceImpl<typeof GuestOrderService> {
  const { pool, budget, orders, recorded } = options;

  async function loadOrder(id: string, customerId: string): Promise<Order> {
    const { order } = await orders.getOrder(create(GetOrderRequestSchema, { id, customerId }));
    if (order === undefined) {
      throw orderNotFound(id);
    }
    return order;
  }

  return {
    async checkoutGuestCart({ $typeName: _, guestToken, ...request }, context) {
      const customerId = guestCustomerIdOf(guestToken);
      // Before the request id is looked up: a repeat needs the token as well.
      const cart = await loadCart(pool, { id: request.cartId, guestToken });
      // Refusals are remembered by their request ids, too, and repeats of a checkout that stands are cheap.
      await budget.store(cart.state === "OPEN" ? orderBytes(cart.lines.length) : changeBytes(0, request.requestId));
      if (cart.state === "OPEN" && request.payLater) {
        await budget.holdUnpaid(cart.lines.reduce((units, { quantity }) => units + quantity, 0));
      }
      const checkout = create(CheckoutRequestSchema, { ...request, customerId });
      const { order, attached } = await orders.checkout(checkout, context);
      if (order?.customerId !== customerId) {
        throw orderNotFound(order?.id ?? request.orderId);
      }
      return create(CheckoutGuestCartResponseSchema, { order, attached });
    },

    async getGuestOrder({ id, guestToken }) {
      const request = create(GetOrderRequestSchema, { id, customerId: guestCustomerIdOf(guestToken) });
      const { order, changes } = await orders.getOrder(request);
      return create(GetGuestOrderResponseSchema, { order, changes });
    },

    async payGuestOrder({ id, guestToken, paymentMethod, waitAtMost, requestId, waitFor }, context) {
      const customerId = guestCustomerIdOf(guestToken);
      await budget.store(changeBytes(0, requestId));
      if (paymentMethod === "" && (await loadOrder(id, customerId)).payment?.method === "") {
        const message = `paymentMethod: order ${id} names no card, and a guest has no balance`;
        throw new DomainError(reasons, "PAYMENT_METHOD_REQUIRED", message, { order_id: id });
      }
      const request = create(PayOrderRequestSchema, {
        id,
        customerId,
        // Absent means the order's own method; empty would mean the balance.
        ...(paymentMethod === "" ? {} : { paymentMethod }),
        waitFor,
        requestId,
        ...(waitAtMost === undefined ? {} : { waitAtMost }),
      });
      const { order } = await orders.payOrder(request, context);
      return create(PayGuestOrderResponseSchema, { order });
    },

    async cancelGuestOrder({ $typeName: _, guestToken, ...request }, context) {
      const customerId = guestCustomerIdOf(guestToken);
      const { order } = await orders.cancelOrder(create(CancelOrderRequestSchema, { ...request, customerId }), context);
      return create(CancelGuestOrderResponseSchema, { order });
    },

    async *watchGuestOrder({ id, guestToken, afterSequence }, context) {
      const customerId = guestCustomerIdOf(guestToken);
      const request = create(WatchOrderRequestSchema, { id, customerId, afterSequence });
      for await (const { order, changes } of orders.watchOrder(request, context)) {
        yield create(WatchGuestOrderResponseSchema, { order, changes });
      }
    },

    async claimGuestOrder({ id, customerId, guestToken }) {
      const principal = callContext()?.principal;
      const isClaimed = await claimOrder(pool, {
        orderId: id,
        customerId,
        email: principal?.email ?? "",
        isEmailVerified: principal?.isEmailVerified ?? false,
        guestToken,
      });
      if (isClaimed) {
        recorded();
      }
      return create(ClaimGuestOrderResponseSchema, { order: await loadOrder(id, customerId) });
    },
  };
}
