import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Order } from "@sagacart/proto/order/v1/order";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { EdgeError } from "@sagacart/rest/problem";
import { isDecided, orderRefused } from "../order-outcome.ts";
import type { Clients } from "../services.ts";
import { currentCart } from "./carts.ts";

/**
 * Checks out the user's current cart and returns the completed order. Throws CART_EMPTY (400) if there is no cart or nothing
 * in it, the order's reason (409) if it was refused, and CHECKOUT_UNDER_WAY (504) if it is not decided at the deadline; it
 * then continues, and a repeat attaches to it.
 */
export async function checkOut(
  clients: Pick<Clients, "carts" | "orders">,
  { customerId, paymentMethod, requestId }: { customerId: string; paymentMethod: string; requestId: string },
  signal: AbortSignal,
): Promise<Order> {
  const cart = await currentCart(clients, customerId, { signal, timeoutMs: waitMs });
  if (cart === undefined || cart.lines.length === 0) {
    const what = cart === undefined ? `user ${customerId} has no cart` : `the cart of user ${customerId} is empty`;
    throw new EdgeError("CART_EMPTY", what, { metadata: { customer_id: customerId } });
  }
  const { order } = await clients.orders.checkout(
    {
      customerId,
      cartId: cart.id,
      paymentMethod,
      waitFor: WaitFor.COMPLETED,
      waitAtMost: durationFromMs(waitMs),
      requestId,
    },
    { signal, timeoutMs: waitMs + 2_000 },
  );
  if (order === undefined || !isDecided(order)) {
    const message = `order ${order?.id} is under way still after ${waitMs / 1000} s; ask again to wait for it`;
    throw new EdgeError("CHECKOUT_UNDER_WAY", message, { metadata: { order_id: order?.id ?? "" } });
  }
  if (order.state !== Order_State.COMPLETED) {
    throw orderRefused(order);
  }
  return order;
}

/** The Wippy shop waits for 5 s; here, the card provider alone may take 3 s. */
const waitMs = 10_000;
