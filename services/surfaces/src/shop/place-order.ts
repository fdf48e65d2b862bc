import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { EdgeError } from "@sagacart/rest/problem";
import { findOrder } from "../find-order.ts";
import { orderRefused } from "../order-outcome.ts";
import { idOfKey } from "../request-key.ts";
import type { Clients } from "../services.ts";
import { type AddressBook, deliveryAddress } from "./address-book.ts";
import { type NewOrder, quantityOf } from "./bodies.ts";
import { addressIdOf } from "./views.ts";

/** An order that was placed, now or by an earlier request with the same key. */
export type Placed = { readonly id: string; readonly replayed: boolean };

export type PlaceOrderOptions = {
  readonly orders: Clients["orders"];
  readonly users: AddressBook;
  readonly paymentMethod: string;
  /** How long a caller waits for the stock to be reserved. */
  readonly waitMs: number;
};

/**
 * Creates orders that reserve stock and are paid later; answers when the stock is reserved.
 *
 * With a key, the order's id is derived from the user and the key, so that a repeat finds the order although prices or
 * addresses have changed since. A repeat must ask for the same. Throws 400 for unknown users or products and short stock,
 * 422 for a key that was used for another order, 409 while the first request with the key is running, and 503 if the order
 * is not decided in time.
 */
export function createPlaceOrder(options: PlaceOrderOptions) {
  const { orders, users, paymentMethod, waitMs } = options;

  return async (asked: NewOrder, key: string | undefined, signal: AbortSignal): Promise<Placed> => {
    const customerId = String(asked.userId);
    const lines = linesOf(asked);
    const orderId = key === undefined ? uuidv7() : idOfKey("order", customerId, key);
    const known = key === undefined ? undefined : await findOrder(options, orderId);
    if (known !== undefined && !isSame(known, asked, lines)) {
      throw keyReused(key ?? "");
    }
    if (known !== undefined && known.state !== Order_State.PENDING) {
      return placed(known, true);
    }
    const shippingAddress =
      known === undefined ? await refuse400(deliveryAddress(users, asked)) : known.shippingAddress;
    const request = {
      orderId,
      customerId,
      lines,
      paymentMethod: known?.payment?.method ?? paymentMethod,
      payLater: true,
      ...(shippingAddress === undefined ? {} : { shippingAddress }),
      waitFor: WaitFor.RESERVED,
      waitAtMost: durationFromMs(waitMs),
      requestId: key ?? orderId,
    };
    const { order, attached } = await refuse400(orders.checkout(request, { signal, timeoutMs: waitMs + 5_000 }));
    if (order === undefined) {
      throw new ConnectError("the order service answered without an order", Code.Internal);
    }
    if (order.state === Order_State.PENDING) {
      throw undecided(order.id, attached);
    }
    return placed(order, attached);
  };
}

/** Merges lines of the same product: the contract allows each product once. */
function linesOf({ items }: NewOrder): { productId: string; quantity: number }[] {
  const quantities = new Map<string, number>();
  for (const [index, { productId, quantity }] of items.entries()) {
    const id = String(productId);
    const more = quantityOf(`items[${index}].quantity`, quantity);
    quantities.set(id, quantityOf(`items[${index}].quantity`, (quantities.get(id) ?? 0) + more));
  }
  return [...quantities].map(([productId, quantity]) => ({ productId, quantity }));
}

function isSame(order: Order, asked: NewOrder, lines: readonly { productId: string; quantity: number }[]): boolean {
  const addressId = asked.shippingAddressId ?? undefined;
  return (
    order.lines.length === lines.length &&
    lines.every(({ productId, quantity }) =>
      order.lines.some((line) => line.productId === productId && line.quantity === quantity),
    ) &&
    (addressId === undefined || String(addressId) === addressIdOf(order))
  );
}

function placed(order: Order, replayed: boolean): Placed {
  if (order.state === Order_State.REJECTED) {
    throw asBadRequest(orderRefused(order));
  }
  return { id: order.id, replayed };
}

/** Turns errors that are NOT_FOUND or FAILED_PRECONDITION in the contract into 400, as on this surface: no order was created. */
async function refuse400<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw refusedHere.has(errorInfo(error).reason) ? asBadRequest(ConnectError.from(error)) : error;
  }
}

const refusedHere: ReadonlySet<string> = new Set([
  "PRODUCT_NOT_FOUND",
  "USER_NOT_FOUND",
  "ADDRESS_NOT_FOUND",
  "CURRENCY_MISMATCH",
  "ORDER_TOO_HIGH",
]);

function asBadRequest(error: ConnectError): ConnectError {
  const bad = new ConnectError(error.rawMessage, Code.InvalidArgument);
  bad.details = error.details;
  return bad;
}

function keyReused(key: string): EdgeError {
  const message = `the Idempotency-Key ${key} was used before, for another order; choose a new one`;
  return new EdgeError("REQUEST_ID_REUSED", message, { metadata: { request_id: key } });
}

function undecided(orderId: string, attached: boolean): EdgeError {
  const more = { headers: { "retry-after": "1" }, metadata: { order_id: orderId } };
  return attached
    ? new EdgeError("REQUEST_UNDER_WAY", `the first request with this key is under way: order ${orderId}`, more)
    : new EdgeError("NOT_DECIDED", `order ${orderId} is recorded, and its stock is not set aside yet`, more);
}
