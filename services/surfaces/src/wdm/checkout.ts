import { setTimeout as sleep } from "node:timers/promises";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { type Cart, Cart_State } from "@sagacart/proto/order/v1/cart";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { isDecided, orderRefused } from "../order-outcome.ts";
import type { Clients } from "../services.ts";

/** The body of a successful checkout. Clients only look at the status. */
export type Paid = { readonly order_id: string; readonly paid: true; readonly order: string; readonly msg: string };

/**
 * Checks a cart out, and answers only when the order is decided: paid, or refused (thrown as a 4xx). Retries services that
 * are slow or restarting, with the same request id, which attaches to the same order. A cart that is purchased already
 * counts as paid and is not charged again.
 */
export function createCheckout(clients: Pick<Clients, "carts" | "orders">) {
  return async (cartId: string, requestId: string, signal: AbortSignal): Promise<Paid> => {
    const untilMs = Date.now() + longestWaitMs;
    const cart = await persist(untilMs, signal, () => getCart(clients, cartId, signal));
    if (cart.state === Cart_State.PURCHASED) {
      return paid(cartId, cart.orderId, "already paid");
    }
    const request = {
      customerId: cart.customerId,
      cartId,
      waitFor: WaitFor.COMPLETED,
      waitAtMost: durationFromMs(waitMs),
      requestId,
    };
    try {
      const order = await persist(untilMs, signal, async () => {
        const { order } = await clients.orders.checkout(request, { timeoutMs: waitMs + 5_000, signal });
        return order !== undefined && isDecided(order) ? order : undefined;
      });
      if (order.state !== Order_State.COMPLETED) {
        throw orderRefused(order);
      }
      return paid(cartId, order.id, "checkout successful");
    } catch (error) {
      if (errorInfo(error).reason === "CART_CLOSED") {
        // Another checkout of the same cart was faster.
        const now = await persist(untilMs, signal, () => getCart(clients, cartId, signal));
        if (now.state === Cart_State.PURCHASED) {
          return paid(cartId, now.orderId, "already paid");
        }
      }
      throw error;
    }
  };
}

const waitMs = 30_000;
/** The clients of this surface give up after 300 s. */
const longestWaitMs = 280_000;

async function getCart({ carts }: Pick<Clients, "carts">, id: string, signal: AbortSignal): Promise<Cart> {
  const { cart } = await carts.getCart({ id, withoutAvailability: true }, { signal });
  if (cart === undefined) {
    throw new ConnectError("the order service answered without a cart", Code.Internal);
  }
  return cart;
}

function paid(cartId: string, orderId: string, msg: string): Paid {
  return { order_id: cartId, paid: true, order: orderId, msg };
}

/** Retries until there is an answer; after `untilMs` throws the last error. */
async function persist<T>(untilMs: number, signal: AbortSignal, ask: () => Promise<T | undefined>): Promise<T> {
  let pauseMs = 50;
  let last: unknown;
  while (Date.now() < untilMs && !signal.aborted) {
    try {
      const answer = await ask();
      if (answer !== undefined) {
        return answer;
      }
    } catch (error) {
      if (!isPassing(error)) {
        throw error;
      }
      last = error;
      await sleep(pauseMs * (0.5 + Math.random()));
      pauseMs = Math.min(2_000, pauseMs * 2);
    }
  }
  throw last ?? new ConnectError("the checkout is not decided yet", Code.DeadlineExceeded);
}

/** Returns true for errors of services that are restarting or busy. */
function isPassing(error: unknown): boolean {
  const { code, reason } = errorInfo(error);
  return (
    code === Code.Unavailable ||
    code === Code.DeadlineExceeded ||
    code === Code.ResourceExhausted ||
    (code === Code.Aborted && reason === "CONTENTION")
  );
}
