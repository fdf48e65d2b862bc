import { testAccess } from "@sagacart/chassis/testing/access-tests";
import type { ListCartsResponse } from "@sagacart/proto/order/v1/cart_service";
import { type ListOrdersResponse, WaitFor } from "@sagacart/proto/order/v1/order_service";
import { startOrderService } from "./testing/order.ts";

testAccess(async () => {
  const service = await startOrderService();
  const { carts, orders, pool } = service;
  const customerId = "victim";
  const lines = [{ productId: "mug", quantity: 1 }];
  for (const id of ["7a", "7b", "7c", "7d", "7e"]) {
    await carts.createCart({ id, customerId, lines });
  }
  await orders.checkout({ orderId: "8a", customerId, lines, waitFor: WaitFor.ACCEPTED });
  await pool.query(`insert into order_refunds (order_id, id, payment_refund_id, fingerprint, amount_minor)
                    values ('8a', 'refund', gen_random_uuid(), '', 100)`);
  const ofCart = { id: "7a", ask: (id: string) => ({ id }) };
  const ofOrder = { id: "8a", ask: (id: string) => ({ id }) };
  // A guest's order, and one that the victim has claimed already.
  const guest = await service.guests.createGuestCart({ lines });
  await service.guestOrders.checkoutGuestCart({
    cartId: guest.cart?.id ?? "",
    guestToken: guest.guestToken,
    orderId: "8g",
    contactEmail: "victim@shop.test",
    paymentMethod: "pm_ok",
    waitFor: WaitFor.ACCEPTED,
  });
  await pool.query("update orders set guest_customer_id = customer_id, customer_id = $1 where id = '8g'", [customerId]);
  return {
    ...service,
    domain: "order.sagacart",
    things: {
      GetCart: ofCart,
      UpdateCart: { id: "7a", ask: (id) => ({ id, name: "mine" }) },
      AddCartItem: { id: "7a", ask: (id) => ({ id, productId: "pen", quantity: 1 }) },
      RemoveCartItem: { id: "7a", ask: (id) => ({ id, productId: "pen" }) },
      DuplicateCart: ofCart,
      ReplaceCartLines: { id: "7b", ask: (id) => ({ id, lines }) },
      MergeCarts: { id: "7c", ask: (sourceId) => ({ sourceId, targetId: "7a" }) },
      DeleteCart: { id: "7e", ask: (id) => ({ id }) },
      Checkout: { id: "7d", ask: (cartId) => ({ cartId, waitFor: WaitFor.ACCEPTED }) },
      GetOrder: ofOrder,
      WatchOrder: ofOrder,
      GetOrderRefund: { id: "8a", ask: (orderId) => ({ orderId, refundId: "refund" }) },
      ListOrderRefunds: { id: "8a", ask: (orderId) => ({ orderId }) },
      PayOrder: { id: "8a", ask: (id) => ({ id, waitAtMost: { seconds: 0n, nanos: 0 } }) },
      ClaimGuestOrder: { id: "8g", ask: (id) => ({ id, guestToken: guest.guestToken }) },
      CancelOrder: { id: "8a", ask: (id) => ({ id, waitAtMost: { seconds: 0n, nanos: 0 } }) },
    },
    lists: {
      ListCarts: { ask: {}, count: ({ carts }: ListCartsResponse) => carts.length },
      ListOrders: { ask: {}, count: ({ orders }: ListOrdersResponse) => orders.length },
    },
    ofCaller: ["CreateCart", "GetDefaultCart"],
  };
});
