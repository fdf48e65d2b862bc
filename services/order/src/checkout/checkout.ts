import type { Actor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import { type Amount, formatMoney } from "@sagacart/chassis/money";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { CheckoutRequest } from "@sagacart/proto/order/v1/order_service";
import {
  buyerOf,
  type Cart,
  type CartLine,
  cartClosed,
  cartNotFound,
  checkEtag,
  checkOneCurrency,
  priceLine,
  totalOf,
} from "../carts/cart.ts";
import type { Quotes } from "../carts/quote.ts";
import type { NewOrder } from "../orders/order.ts";
import { reasons } from "../reasons.ts";
import { payWithinMs, type UnpaidLimits } from "./unpaid-limits.ts";

/** The order that a checkout made, or attached to. */
export type CheckedOut = { readonly orderId: string; readonly attached: boolean };

type Key = { readonly scope: string; readonly requestId: string; readonly fingerprint: Uint8Array };

/** A checkout to be recorded. */
export type CheckoutCall = {
  readonly request: CheckoutRequest;
  /** Tells repeats of a request from other requests with the same id. */
  readonly fingerprint: Uint8Array;
  /** The caller's own key, if that is not the customer. */
  readonly guard?: Key | undefined;
  /** The trace of the call. */
  readonly traceparent?: string | undefined;
  /** The workflow that owns the order from the start; undefined until a workflow claims it. */
  readonly ownerWorkflowId?: string | undefined;
  readonly actor: Actor;
};

/** The result of a checkout. */
export type Outcome = CheckedOut | DomainError;

/** Returns true if there is an order to record. */
export function isNewOrder(result: NewOrder | Outcome): result is NewOrder {
  return "lines" in result;
}

/** The products to buy: the request's, or else the cart's. */
export function linesToBuy(
  { request }: CheckoutCall,
  cart: Cart | undefined,
): readonly { productId: string; quantity: number }[] {
  return request.lines.length > 0 ? request.lines : (cart?.lines ?? []);
}

/**
 * Decides what a checkout comes to, with a cart and quotes that were just read: an order to record, or an order under
 * way to attach to. Throws the reason to refuse it.
 */
export function decideCheckout(
  call: CheckoutCall,
  { cart, quotes, limits }: { cart: Cart | undefined; quotes: Quotes; limits: UnpaidLimits },
): NewOrder | CheckedOut {
  const { request, fingerprint, ownerWorkflowId, actor } = call;
  if (request.lines.length === 0) {
    const attached = checkCart(request, cart);
    if (attached !== undefined) {
      return attached;
    }
  }
  const lines = linesToBuy(call, cart).map((line) => priceLine(line, quotes));
  const { currencyCode, minorUnits } = checkTotal(request, lines);
  // Where there is nothing to pay there is nothing to wait for.
  const payLater = request.payLater && minorUnits > 0n;
  return {
    id: request.orderId || uuidv7(),
    customerId: request.customerId,
    cartId: request.lines.length > 0 ? undefined : cart?.id,
    fingerprint,
    currency: currencyCode,
    totalMinor: minorUnits,
    paymentMethod: request.paymentMethod,
    payLater,
    expireTime: payLater ? new Date(Date.now() + payWithinMs(request.payWithin, limits)) : undefined,
    shippingAddress: request.shippingAddress,
    contactEmail: request.contactEmail,
    ownerWorkflowId,
    actor,
    lines,
  };
}

/** The order under way that a checkout of this cart attaches to, if there is one. Throws what is wrong with the cart. */
function checkCart(request: CheckoutRequest, cart: Cart | undefined): CheckedOut | undefined {
  if (cart === undefined && request.cartId === "") {
    const message = `customer ${request.customerId} has no cart; add something to one first`;
    throw new DomainError(reasons, "CART_EMPTY", message, { customer_id: request.customerId });
  }
  if (cart === undefined || buyerOf(cart) !== request.customerId) {
    throw cartNotFound(request.cartId);
  }
  if (cart.state === "CHECKING_OUT" && cart.orderId !== undefined) {
    return { orderId: cart.orderId, attached: true };
  }
  if (cart.state !== "OPEN") {
    throw cartClosed(cart);
  }
  checkEtag(cart, request.cartEtag);
  if (cart.lines.length === 0) {
    throw new DomainError(reasons, "CART_EMPTY", `cart ${cart.id} is empty`, { cart_id: cart.id });
  }
  return undefined;
}

function checkTotal({ expectedTotal }: CheckoutRequest, lines: readonly CartLine[]): Amount {
  checkOneCurrency(lines);
  const total = totalOf(lines) ?? { currencyCode: "", minorUnits: 0n };
  const { currencyCode, minorUnits } = total;
  if (minorUnits > maxTotalMinor) {
    const message = `the total of ${formatMoney(total)} is more than an order may cost, ${maxTotalMinor} minor units`;
    throw new DomainError(reasons, "ORDER_TOO_HIGH", message, { total_minor: minorUnits.toString() });
  }
  if (expectedTotal === undefined) {
    return total;
  }
  if (expectedTotal.currencyCode !== currencyCode) {
    const message = `the products are sold in ${currencyCode}, and a total in ${expectedTotal.currencyCode} was expected`;
    const metadata = { first: currencyCode, second: expectedTotal.currencyCode };
    throw new DomainError(reasons, "CURRENCY_MISMATCH", message, metadata);
  }
  if (expectedTotal.minorUnits !== minorUnits) {
    const message = `the total is ${formatMoney(total)} now, and ${formatMoney(expectedTotal)} was expected`;
    throw new DomainError(reasons, "PRICE_CHANGED", message, {
      currency_code: currencyCode,
      expected_minor: expectedTotal.minorUnits.toString(),
      total_minor: minorUnits.toString(),
      difference_minor: (minorUnits - expectedTotal.minorUnits).toString(),
    });
  }
  return total;
}

const maxTotalMinor = 10n ** 15n;
