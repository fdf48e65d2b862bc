import { DomainError } from "@sagacart/chassis/errors";
import { formatMoney } from "@sagacart/chassis/money";
import { reasons } from "../reasons.ts";
import { type Quote, quoteOf } from "./catalogue.ts";
import { opens } from "./guest-token.ts";

/** The states of a cart, as they are stored. */
export type CartState = "OPEN" | "CHECKING_OUT" | "PURCHASED" | "DELETED" | "EXPIRED" | "MERGED";

/** A product and how many of it, at the price seen when the line was last changed. */
export type CartLine = {
  readonly productId: string;
  readonly quantity: number;
  readonly sku: string;
  readonly title: string;
  readonly currency: string;
  readonly unitPriceMinor: bigint;
};

/** What a customer means to buy. Its etag is its version. */
export type Cart = {
  readonly id: string;
  /** "" for a guest's. */
  readonly customerId: string;
  /** Of what opens a guest's cart; undefined for a customer's. */
  readonly guestTokenHash: Buffer | undefined;
  readonly name: string;
  readonly state: CartState;
  readonly isDefault: boolean;
  readonly version: bigint;
  /** The newest order made of it. */
  readonly orderId: string | undefined;
  /** Why that order failed; "" unless the cart is open again because of it. */
  readonly lastFailureReason: string;
  /** Where what was in it went, if it was merged. */
  readonly mergedInto: string | undefined;
  readonly lines: readonly CartLine[];
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** A product and how many of it, as asked for. */
export type LineInput = { readonly productId: string; readonly quantity: number };

type Quotes = ReadonlyMap<string, Quote>;

/** Which cart is asked for: a customer's (any customer's where it is ""), or a guest's by its token. */
export type AskedFor =
  | { readonly id: string; readonly customerId: string }
  | { readonly id: string; readonly guestToken: string };

/** Throws unless the cart is the customer's, or a guest's with that token. */
export function checkOwner(cart: Cart | undefined, asked: AskedFor): asserts cart is Cart {
  if (cart === undefined || !isOpenTo(cart, asked)) {
    throw new DomainError(reasons, "CART_NOT_FOUND", `there is no cart ${asked.id}`, { cart_id: asked.id });
  }
}

function isOpenTo({ customerId, guestTokenHash }: Cart, asked: AskedFor): boolean {
  if ("guestToken" in asked) {
    return guestTokenHash !== undefined && opens(asked.guestToken, guestTokenHash);
  }
  return guestTokenHash === undefined && (asked.customerId === "" || asked.customerId === customerId);
}

/** Throws unless the cart is open, and is as it was when the caller read it. Without an etag it may be as it likes. */
export function checkChangeable(cart: Cart, etag: string): void {
  switch (cart.state) {
    case "OPEN":
      break;
    case "CHECKING_OUT":
      throw checkingOut(cart.id, cart.orderId);
    default:
      throw cartClosed(cart);
  }
  if (etag !== "" && etag !== etagOf(cart)) {
    const message = `cart ${cart.id} has changed since it was read; read it again`;
    throw new DomainError(reasons, "ETAG_MISMATCH", message, { cart_id: cart.id, etag: etagOf(cart) });
  }
}

export function checkingOut(cartId: string, orderId: string | undefined): DomainError {
  const message = `cart ${cartId} is being checked out; it can be changed if the order fails`;
  return new DomainError(reasons, "CART_CHECKING_OUT", message, { cart_id: cartId, order_id: orderId ?? "" });
}

/** Why a cart that is neither open nor being checked out cannot be used. */
export function cartClosed({ id, state, orderId, mergedInto }: Cart): DomainError {
  const what = {
    OPEN: "is open",
    CHECKING_OUT: "is being checked out",
    PURCHASED: `was bought already, by order ${orderId}`,
    DELETED: "was deleted",
    EXPIRED: "has expired; duplicate it to go on with what was in it",
    MERGED: `was merged into cart ${mergedInto}`,
  }[state];
  const metadata = { cart_id: id, state, order_id: orderId ?? "" };
  return new DomainError(reasons, "CART_CLOSED", `cart ${id} ${what}`, metadata);
}

/** Another one after each change. */
export function etagOf({ version }: Cart): string {
  return version.toString();
}

/** With so many more of a product, at the price it has now. */
export function addLine(cart: Cart, { productId, quantity }: LineInput, quotes: Quotes): Cart {
  const index = cart.lines.findIndex((line) => line.productId === productId);
  const present = cart.lines[index]?.quantity ?? 0;
  const added = priceLine({ productId, quantity: present + quantity }, quotes);
  const lines = index < 0 ? [...cart.lines, added] : cart.lines.with(index, added);
  return withLines(cart, lines);
}

/** With these lines in the place of all there are; a line of none or fewer is dropped. */
export function replaceLines(cart: Cart, inputs: readonly LineInput[], quotes: Quotes): Cart {
  return withLines(cart, priceLines(inputs, quotes));
}

/** Without this product. The same cart when it is not in it. */
export function removeLine(cart: Cart, productId: string): Cart {
  const lines = cart.lines.filter((line) => line.productId !== productId);
  return lines.length === cart.lines.length ? cart : { ...cart, lines };
}

/** What was asked for, at the prices of now. Throws what is wrong with a product, or with all of them together. */
export function priceLines(inputs: readonly LineInput[], quotes: Quotes): CartLine[] {
  const lines = inputs.filter(({ quantity }) => quantity > 0).map((input) => priceLine(input, quotes));
  checkLines(lines);
  return lines;
}

/** The sum of the lines; undefined for none, which have no currency. */
export function totalOf(lines: readonly CartLine[]): { currencyCode: string; minorUnits: bigint } | undefined {
  const [first] = lines;
  if (first === undefined) {
    return undefined;
  }
  const minorUnits = lines.reduce((sum, line) => sum + line.unitPriceMinor * BigInt(line.quantity), 0n);
  return { currencyCode: first.currency, minorUnits };
}

const most = { lines: 100, quantity: 1_000_000, totalMinor: 10n ** 15n };

function priceLine({ productId, quantity }: LineInput, quotes: Quotes): CartLine {
  const { sku, title, currency, priceMinor } = quoteOf(quotes, productId);
  return { productId, quantity, sku, title, currency, unitPriceMinor: priceMinor };
}

function withLines(cart: Cart, lines: readonly CartLine[]): Cart {
  checkLines(lines);
  return { ...cart, lines };
}

function checkLines(lines: readonly CartLine[]): void {
  const currency = lines[0]?.currency ?? "";
  const other = lines.find((line) => line.currency !== currency);
  if (other !== undefined) {
    const message = `product ${other.productId} is sold in ${other.currency}, the others in ${currency}`;
    const metadata = { product_id: other.productId, first: currency, second: other.currency };
    throw new DomainError(reasons, "CURRENCY_MISMATCH", message, metadata);
  }
  if (lines.length > most.lines) {
    throw limit(`a cart has at most ${most.lines} lines`, { limit: "lines", max: String(most.lines) });
  }
  const excessive = lines.find(({ quantity }) => quantity > most.quantity);
  if (excessive !== undefined) {
    const { productId, quantity } = excessive;
    const message = `a cart has at most ${most.quantity} of a product, and would have ${quantity} of ${productId}`;
    throw limit(message, { limit: "quantity", max: String(most.quantity), product_id: productId });
  }
  const total = totalOf(lines);
  if (total !== undefined && total.minorUnits > most.totalMinor) {
    const message = `a total of ${formatMoney(total)} is more than a cart may come to`;
    throw limit(message, { limit: "total_minor", max: String(most.totalMinor) });
  }
}

function limit(message: string, metadata: { limit: string; max: string; product_id?: string }): DomainError {
  return new DomainError(reasons, "CART_LIMIT", message, metadata);
}
