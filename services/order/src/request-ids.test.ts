import { testRequestIds } from "@sagacart/chassis/testing/request-id-tests";
import { startOrderService } from "./testing/order.ts";
import { testOrders } from "./testing/test-orders.ts";

testRequestIds(async () => {
  const service = await startOrderService();
  const { newOrder, bring } = testOrders(() => service);
  const id = () => crypto.randomUUID();
  const mug = { productId: "mug", quantity: 1 };
  const pen = { productId: "pen", quantity: 1 };
  const usd = (minorUnits: string) => ({ currencyCode: "USD", minorUnits });
  const ways = { waitFor: "WAIT_FOR_ACCEPTED", waitAtMost: "0s" };
  const address = (recipient: string) => ({
    recipient,
    ...{ line1: "12 St James's Square", city: "London", postalCode: "SW1Y 4LB", countryCode: "GB" },
  });

  async function newCart(customerId: string): Promise<string> {
    const { cart } = await service.carts.createCart({ id: id(), customerId, lines: [mug] });
    return cart?.id ?? "";
  }

  async function payable(customerId: string): Promise<string> {
    const orderId = await newOrder({ customerId, orderId: id(), payLater: true });
    await bring(orderId, "AWAITING_PAYMENT");
    return orderId;
  }

  async function completed(customerId: string): Promise<string> {
    const orderId = await newOrder({ customerId, orderId: id(), lines: [{ productId: "mug", quantity: 5 }] });
    await bring(orderId, "COMPLETED");
    return orderId;
  }

  async function newGuest(): Promise<{ cartId: string; guestToken: string }> {
    const { cart, guestToken } = await service.guests.createGuestCart({ lines: [mug] });
    return { cartId: cart?.id ?? "", guestToken };
  }

  async function guestOrder(): Promise<{ id: string; guestToken: string }> {
    const guest = await newGuest();
    const asked = { ...guest, contactEmail: "guest@shop.test", paymentMethod: "pm_ok", payLater: true };
    const { order } = await service.guestOrders.checkoutGuestCart({ ...asked, waitAtMost: { seconds: 0n } });
    const orderId = order?.id ?? "";
    await bring(orderId, "AWAITING_PAYMENT");
    return { id: orderId, guestToken: guest.guestToken };
  }

  return {
    ...service,
    domain: "order.sagacart",
    cases: {
      async CreateCart() {
        return {
          request: { id: id(), customerId: id(), name: "party", lines: [mug] },
          others: {
            id: { id: id() },
            customerId: { customerId: id() },
            name: { name: "picnic" },
            lines: { lines: [pen] },
          },
          customer: "customerId",
        };
      },
      async AddCartItem() {
        const customerId = id();
        const other = id();
        return {
          request: { id: await newCart(customerId), customerId, productId: "mug", quantity: 2 },
          others: {
            id: { id: await newCart(customerId) },
            customerId: { customerId: other, id: await newCart(other) },
            productId: { productId: "pen" },
            quantity: { quantity: 3 },
            etag: { etag: "1" },
          },
          customer: "customerId",
        };
      },
      async DuplicateCart() {
        const customerId = id();
        const other = id();
        return {
          request: { id: await newCart(customerId), customerId, newId: id(), name: "again" },
          others: {
            id: { id: await newCart(customerId) },
            customerId: { customerId: other, id: await newCart(other) },
            newId: { newId: id() },
            name: { name: "and again" },
          },
          customer: "customerId",
        };
      },
      async AddGuestCartItem() {
        const { cartId, guestToken } = await newGuest();
        const other = await newGuest();
        return {
          request: { id: cartId, guestToken, productId: "mug", quantity: 2 },
          others: {
            id: { id: other.cartId },
            guestToken: { guestToken: other.guestToken },
            productId: { productId: "pen" },
            quantity: { quantity: 3 },
            etag: { etag: "1" },
          },
          reasons: { id: "CART_NOT_FOUND", guestToken: "CART_NOT_FOUND" },
        };
      },
      async CheckoutGuestCart() {
        const guest = await newGuest();
        const other = await newGuest();
        return {
          request: {
            ...guest,
            ...ways,
            contactEmail: "guest@shop.test",
            paymentMethod: "pm_ok",
            payLater: true,
            payWithin: "600s",
            orderId: id(),
            shippingAddress: address("Ada"),
          },
          others: {
            cartId: { cartId: other.cartId },
            guestToken: { guestToken: other.guestToken },
            contactEmail: { contactEmail: "other@shop.test" },
            paymentMethod: { paymentMethod: "pm_other" },
            payLater: { payLater: false, payWithin: null },
            payWithin: { payWithin: "700s" },
            orderId: { orderId: id() },
            shippingAddress: { shippingAddress: address("Bob") },
            expectedTotal: { expectedTotal: usd("100") },
            cartEtag: { cartEtag: "1" },
          },
          answers: ["waitFor", "waitAtMost"],
          reasons: { cartId: "CART_NOT_FOUND", guestToken: "CART_NOT_FOUND" },
        };
      },
      async PayGuestOrder() {
        const order = await guestOrder();
        const other = await guestOrder();
        return {
          request: { ...order, ...ways, paymentMethod: "pm_ok" },
          others: {
            id: { id: other.id },
            guestToken: { guestToken: other.guestToken },
            paymentMethod: { paymentMethod: "pm_other" },
          },
          answers: ["waitFor", "waitAtMost"],
          reasons: { guestToken: "ORDER_NOT_FOUND" },
        };
      },
      async Checkout() {
        const customerId = id();
        return {
          request: {
            ...{ orderId: id(), customerId, lines: [mug], paymentMethod: "pm_ok" },
            ...{ payLater: true, payWithin: "600s", ...ways },
            shippingAddress: address("Ada"),
          },
          others: {
            orderId: { orderId: id() },
            customerId: { customerId: id() },
            cartId: { cartId: await newCart(customerId), lines: [] },
            lines: { lines: [pen] },
            paymentMethod: { paymentMethod: "pm_other" },
            payLater: { payLater: false, payWithin: null },
            payWithin: { payWithin: "700s" },
            shippingAddress: { shippingAddress: address("Bob") },
            expectedTotal: { expectedTotal: usd("100") },
            cartEtag: { cartEtag: "1", cartId: await newCart(customerId), lines: [] },
            contactEmail: { contactEmail: "other@shop.test" },
          },
          answers: ["waitFor", "waitAtMost"],
          customer: "customerId",
        };
      },
      async PayOrder() {
        const customerId = id();
        const other = id();
        return {
          request: { id: await payable(customerId), customerId, paymentMethod: "pm_ok", ...ways },
          others: {
            id: { id: await payable(customerId) },
            customerId: { customerId: other, id: await payable(other) },
            paymentMethod: { paymentMethod: "pm_other" },
          },
          answers: ["waitFor", "waitAtMost"],
          customer: "customerId",
        };
      },
      async RefundOrder() {
        const customerId = id();
        const other = id();
        return {
          request: {
            ...{ orderId: await completed(customerId), customerId, refundId: id(), amount: usd("5"), reason: "torn" },
            ...{ publicReason: "sorry", waitAtMost: "0s" },
          },
          others: {
            orderId: { orderId: await completed(customerId) },
            customerId: { customerId: other, orderId: await completed(other) },
            refundId: { refundId: id() },
            amount: { amount: usd("6") },
            reason: { reason: "lost" },
            publicReason: { publicReason: "so sorry" },
          },
          answers: ["waitAtMost"],
          customer: "customerId",
        };
      },
    },
  };
});
