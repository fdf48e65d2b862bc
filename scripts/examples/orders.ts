import type { Json } from "./recorder.ts";
import { home, mouse, type Scene } from "./scene.ts";

/** Orders of a customer and of a guest, and their shipments. */
export async function recordOrders({ call, alice: token, admin }: Scene): Promise<void> {
  const { order } = await call("checkout", {
    token,
    body: {
      lines: [mouse],
      paymentMethod: "pm_ok",
      shippingAddress: home,
      contactEmail: "alice@sagacart.example",
      waitFor: "WAIT_FOR_COMPLETED",
    },
  });
  const id: string = order.id;
  await call("getOrderActivity", { token: admin, until: isQuiet });
  await call("getOrder", { token, path: { id } });
  await call("watchOrder", { token, path: { id } });
  await call("listOrders", { token, query: { states: ["STATE_COMPLETED"], pageSize: 1 } });
  await call("getShipment", { token, path: { orderId: id } });
  await call("listShipments", { token, query: { pageSize: 1 } });
  const { refund } = await call("refundOrder", {
    token: admin,
    path: { orderId: id },
    body: { amount: { currencyCode: "USD", minorUnits: "1000" }, publicReason: "A scratch", waitAtMost: "30s" },
  });
  const refunded = { orderId: id, refundId: refund.id };
  await call("getOrderRefund", { token, path: refunded, until: (answer) => isDone(answer.refund) });
  await call("listOrderRefunds", { token, path: { orderId: id } });

  const later = { lines: [mouse], payLater: true, waitFor: "WAIT_FOR_RESERVED" };
  const toPay = await call("checkout", { token, body: later });
  await call("payOrder", {
    token,
    path: { id: toPay.order.id },
    body: { paymentMethod: "pm_ok", waitFor: "WAIT_FOR_COMPLETED" },
  });
  const toCancel = await call("checkout", { token, body: later });
  await call("cancelOrder", {
    token,
    path: { id: toCancel.order.id },
    body: { reason: "Ordered twice", waitAtMost: "30s" },
  });
}

/** Returns true if orders came, and none is under way. */
const isQuiet = ({ seconds, underWay }: Json) =>
  seconds.length > 0 && underWay.every(({ count }: { count: string }) => count === "0");

const isDone = ({ state }: { state: string }) => state === "STATE_SUCCEEDED";

/** Orders of a guest: one is paid and taken over by a user, one is cancelled. */
export async function recordGuestOrders({ call, alice: token }: Scene): Promise<void> {
  const buy = async () => {
    const { cart, guestToken } = await call("createGuestCart", { body: { lines: [mouse] } });
    const headers = { "Guest-Token": guestToken };
    const { order }: Json = await call("checkoutGuestCart", {
      path: { cartId: cart.id },
      headers,
      body: {
        // Whoever proves to have this address may claim the order.
        contactEmail: "alice@sagacart.example",
        shippingAddress: { ...home, recipient: "Alice" },
        payLater: true,
        waitFor: "WAIT_FOR_RESERVED",
      },
    });
    return { path: { id: order.id as string }, headers };
  };
  const { path, headers } = await buy();
  await call("getGuestOrder", { path, headers });
  await call("payGuestOrder", { path, headers, body: { paymentMethod: "pm_ok", waitFor: "WAIT_FOR_COMPLETED" } });
  await call("watchGuestOrder", { path, headers });
  await call("claimGuestOrder", { token, path, headers, body: {} });
  const other = await buy();
  await call("cancelGuestOrder", { ...other, body: { reason: "Changed my mind", waitAtMost: "30s" } });
}
