import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { DomainError } from "@sagacart/chassis/errors";
import { formatMoney } from "@sagacart/chassis/money";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { CheckoutRequest } from "@sagacart/proto/order/v1/order_service";
import { cartClosed } from "../carts/cart.ts";
import type { CartRow } from "../carts/cart-store.ts";
import { type Quote, quoteOf } from "../carts/catalogue.ts";
import type { NewLine, NewOrder } from "../orders/order-store.ts";
import { reasons } from "../reasons.ts";

/** The order that a checkout made, or attached to. */
export type CheckedOut = { readonly orderId: string; readonly attached: boolean };

/** A checkout that was asked for, and what tells it from others. */
export type Asked = {
  request: CheckoutRequest;
  fingerprint: Uint8Array;
  /** Of the call that asks. */
  traceparent?: string | undefined;
  /** The workflow that carries the order from the start; absent where whoever claims it will. */
  carrier?: string | undefined;
};
/** What a checkout comes to. */
export type Outcome = CheckedOut | DomainError;

/** Whether there is an order to record. */
export function isOrder(result: NewOrder | Outcome): result is NewOrder {
  return "lines" in result;
}

/** What is to be bought: the lines that were given, or those of the cart. */
export function linesOf(
  { request }: Asked,
  cart: CartRow | undefined,
): readonly { productId: string; quantity: number }[] {
  return request.lines.length > 0 ? request.lines : (cart?.lines ?? []);
}

/**
 * What a checkout comes to, of a cart and of prices that were just read: an order to record, or one under way to attach
 * to. Throws why it is refused.
 */
export function draft(asked: Asked, cart: CartRow | undefined, quotes: ReadonlyMap<string, Quote>): NewOrder | Outcome {
  const { request, fingerprint } = asked;
  if (request.lines.length === 0) {
    const attached = checkCart(request, cart);
    if (attached !== undefined) {
      return attached;
    }
  }
  const lines = linesOf(asked, cart).map(({ productId, quantity }): NewLine & { currency: string } => {
    const { sku, title, currency, priceMinor } = quoteOf(quotes, productId);
    return { productId, sku, title, quantity, currency, unitPriceMinor: priceMinor };
  });
  const { currency, totalMinor } = totalOf(request, lines);
  return {
    id: request.orderId || uuidv7(),
    customerId: request.customerId,
    cartId: request.lines.length > 0 ? undefined : cart?.id,
    fingerprint,
    currency,
    totalMinor,
    paymentMethod: request.paymentMethod,
    payLater: request.payLater,
    expireTime: request.payLater ? new Date(Date.now() + payWithinMs(request.payWithin)) : undefined,
    shippingAddress: request.shippingAddress,
    contactEmail: request.contactEmail,
    carrier: asked.carrier,
    lines,
  };
}

/** The order under way that this checkout of a cart attaches to, if there is one. Throws what is wrong with the cart. */
function checkCart(request: CheckoutRequest, cart: CartRow | undefined): CheckedOut | undefined {
  if (cart === undefined && request.cartId === "") {
    const message = `customer ${request.customerId} has no cart; put something into one first`;
    throw new DomainError(reasons, "CART_EMPTY", message, { customer_id: request.customerId });
  }
  if (cart === undefined || cart.customerId !== request.customerId) {
    const message = `there is no cart ${request.cartId}`;
    throw new DomainError(reasons, "CART_NOT_FOUND", message, { cart_id: request.cartId });
  }
  if (cart.state === "CHECKING_OUT" && cart.orderId !== undefined) {
    return { orderId: cart.orderId, attached: true };
  }
  if (cart.state !== "OPEN") {
    throw cartClosed(cart);
  }
  if (request.cartEtag !== "" && request.cartEtag !== cart.version.toString()) {
    const message = `cart ${cart.id} has changed since it was read; read it again`;
    throw new DomainError(reasons, "ETAG_MISMATCH", message, { cart_id: cart.id, etag: cart.version.toString() });
  }
  if (cart.lines.length === 0) {
    throw new DomainError(reasons, "CART_EMPTY", `cart ${cart.id} is empty`, { cart_id: cart.id });
  }
  return undefined;
}

function totalOf(
  { expectedTotal }: CheckoutRequest,
  lines: readonly (NewLine & { currency: string })[],
): { currency: string; totalMinor: bigint } {
  const currency = lines[0]?.currency ?? "";
  const other = lines.find((line) => line.currency !== currency);
  if (other !== undefined) {
    const message = `product ${other.productId} is sold in ${other.currency}, the others in ${currency}`;
    const metadata = { product_id: other.productId, first: currency, second: other.currency };
    throw new DomainError(reasons, "CURRENCY_MISMATCH", message, metadata);
  }
  const totalMinor = lines.reduce((sum, line) => sum + line.unitPriceMinor * BigInt(line.quantity), 0n);
  const total = { currencyCode: currency, minorUnits: totalMinor };
  if (totalMinor > highestTotal) {
    const message = `the total of ${formatMoney(total)} is more than an order may cost`;
    throw new DomainError(reasons, "ORDER_TOO_HIGH", message, { total_minor: totalMinor.toString() });
  }
  if (expectedTotal === undefined) {
    return { currency, totalMinor };
  }
  if (expectedTotal.currencyCode !== currency) {
    const message = `it is sold in ${currency}, and ${expectedTotal.currencyCode} was expected`;
    throw new DomainError(reasons, "CURRENCY_MISMATCH", message, {
      first: currency,
      second: expectedTotal.currencyCode,
    });
  }
  if (expectedTotal.minorUnits !== totalMinor) {
    const message = `it costs ${formatMoney(total)} now, and ${formatMoney(expectedTotal)} was expected`;
    throw new DomainError(reasons, "PRICE_CHANGED", message, {
      currency_code: currency,
      expected_minor: expectedTotal.minorUnits.toString(),
      total_minor: totalMinor.toString(),
      difference_minor: (totalMinor - expectedTotal.minorUnits).toString(),
    });
  }
  return { currency, totalMinor };
}

const highestTotal = 10n ** 15n;

function payWithinMs(payWithin: Duration | undefined): number {
  return payWithin === undefined ? 30 * 60_000 : durationMs(payWithin);
}
