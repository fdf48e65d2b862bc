import { randomUUID } from "node:crypto";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { errorInfo } from "@sagacart/chassis/errors";
import type { Cart } from "@sagacart/proto/order/v1/cart";
import type { Order } from "@sagacart/proto/order/v1/order";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { EdgeError } from "@sagacart/rest/problem";
import { findOrder } from "../find-order.ts";
import { isDecided, orderRefused } from "../order-outcome.ts";
import { idOfKey } from "../request-key.ts";
import type { Clients } from "../services.ts";
import { currentCart } from "./carts.ts";

type CheckoutClients = Pick<Clients, "carts" | "orders" | "products">;

/** The cart to check out: the user's current cart, or what was checked out with this key before. */
export type CheckoutRequest = {
  readonly customerId: string;
  readonly paymentMethod: string;
  /** Undefined if the caller gave none. */
  readonly key: string | undefined;
};

/**
 * Checks out the user's current cart and returns the completed order. With a key, the order's id is derived from the user
 * and the key: a repeat finds the order and gets its answer, although the cart is gone by then.
 *
 * Throws CART_EMPTY (400) if there is no cart or nothing in it, PRODUCT_GONE (409) with the lines that are no longer sold,
 * the order's reason (409) if it was refused, and CHECKOUT_UNDER_WAY (504) if it is not decided at the deadline; it then
 * continues, and a repeat attaches to it.
 */
export async function checkOut(clients: CheckoutClients, asked: CheckoutRequest, signal: AbortSignal): Promise<Order> {
  const { customerId, key } = asked;
  const orderId = key === undefined ? "" : idOfKey("order", customerId, key);
  const known = orderId === "" ? undefined : await findOrder(clients, orderId);
  if (known !== undefined) {
    return completed(isDecided(known) ? known : await attach(clients, asked, known, signal));
  }
  const cart = await currentCart(clients, customerId, { signal, timeoutMs: waitMs });
  if (cart === undefined || cart.lines.length === 0) {
    // The first request with this key may have bought the cart since the order was looked for.
    const since = orderId === "" ? undefined : await findOrder(clients, orderId);
    if (since !== undefined) {
      return completed(isDecided(since) ? since : await attach(clients, asked, since, signal));
    }
    const what = cart === undefined ? `user ${customerId} has no cart` : `the cart of user ${customerId} is empty`;
    throw new EdgeError("CART_EMPTY", what, { metadata: { customer_id: customerId } });
  }
  const { paymentMethod } = asked;
  try {
    const request = { orderId, customerId, cartId: cart.id, paymentMethod, requestId: key ?? randomUUID() };
    return completed(await checkOutCart(clients, request, signal));
  } catch (error) {
    throw errorInfo(error).reason === "PRODUCT_NOT_FOUND" ? await productsGone(clients, cart, error) : error;
  }
}

/** Waits for an order that an earlier request with the same key made, by repeating that request. */
function attach(
  clients: CheckoutClients,
  { customerId, key = "" }: CheckoutRequest,
  { id, cartId, payment }: Order,
  signal: AbortSignal,
): Promise<Order | undefined> {
  const paymentMethod = payment?.method ?? "";
  return checkOutCart(clients, { orderId: id, customerId, cartId, paymentMethod, requestId: key }, signal);
}

async function checkOutCart(
  { orders }: CheckoutClients,
  request: { orderId: string; customerId: string; cartId: string; paymentMethod: string; requestId: string },
  signal: AbortSignal,
): Promise<Order | undefined> {
  const { order } = await orders.checkout(
    { ...request, waitFor: WaitFor.COMPLETED, waitAtMost: durationFromMs(waitMs) },
    { signal, timeoutMs: waitMs + 2_000 },
  );
  return order;
}

function completed(order: Order | undefined): Order {
  if (order === undefined || !isDecided(order)) {
    const message = `order ${order?.id} is under way still after ${waitMs / 1000} s; ask again to wait for it`;
    throw new EdgeError("CHECKOUT_UNDER_WAY", message, { metadata: { order_id: order?.id ?? "" } });
  }
  if (order.state !== Order_State.COMPLETED) {
    throw orderRefused(order);
  }
  return order;
}

/** Makes the error that names each line whose product is no longer sold, and how to remove it. */
async function productsGone({ products }: CheckoutClients, cart: Cart, cause: unknown): Promise<unknown> {
  const ids = cart.lines.map(({ productId }) => productId);
  const sold = new Set(
    (await products.batchGetProducts({ ids, withoutDescriptions: true })).products.map(({ id }) => id),
  );
  const gone = cart.lines.flatMap((line, index) => (sold.has(line.productId) ? [] : [{ ...line, index }]));
  const [first] = gone;
  if (first === undefined) {
    return cause;
  }
  const names = gone.map(({ sku, title }) => `${sku} (${title})`).join(", ");
  const remove = `DELETE /api/cart/${cart.customerId}/items/${first.sku}`;
  return new EdgeError("PRODUCT_GONE", `no longer sold: ${names}; remove it to buy the rest: ${remove}`, {
    metadata: { product_id: first.productId, sku: first.sku, customer_id: cart.customerId },
    violations: gone.map(({ index, title }) => ({
      field: `items[${index}]`,
      rule: "sold",
      message: `${title} is no longer sold`,
    })),
  });
}

/** The Wippy shop waits for 5 s; here, the card provider alone may take 3 s. */
const waitMs = 10_000;
