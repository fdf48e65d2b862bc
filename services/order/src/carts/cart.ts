import { DomainError } from "@sagacart/chassis/errors";
import { type Amount, formatMoney } from "@sagacart/chassis/money";
import { reasons } from "../reasons.ts";
import { guestCustomerId, matchesHash } from "./guest-token.ts";
import { type Quotes, quoteOf } from "./quote.ts";

/** The states of a cart, as they are stored. */
export type CartState = "OPEN" | "CHECKING_OUT" | "PURCHASED" | "DELETED" | "EXPIRED" | "MERGED";

/** A product in a cart, with its quantity and the price seen when the line was last changed. */
export type CartLine = {
  readonly productId: string;
  readonly quantity: number;
  readonly sku: string;
  readonly title: string;
  readonly currency: string;
  readonly unitPriceMinor: bigint;
};

/** The products that a customer or a guest means to buy. */
export type Cart = {
  readonly id: string;
  /** "" for a guest's cart. */
  readonly customerId: string;
  /** The hash of the token that opens a guest's cart; undefined for a customer's. */
  readonly guestTokenHash: Buffer | undefined;
  readonly name: string;
  readonly state: CartState;
  readonly isDefault: boolean;
  /** The cart's etag. Each change raises it. */
  readonly version: bigint;
  /** The newest order made of it. */
  readonly orderId: string | undefined;
  /** The reason why that order failed; "" unless the cart is open again because of it. */
  readonly lastFailureReason: string;
  /** The cart that this one was merged into. */
  readonly mergedInto: string | undefined;
  readonly lines: readonly CartLine[];
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** A product and a quantity, as requested. */
export type LineInput = { readonly productId: string; readonly quantity: number };

/** The id of a cart and what gives access to it: its customer (any if ""), or the token of a guest's cart. */
export type CartRef =
  | { readonly id: string; readonly customerId: string }
  | { readonly id: string; readonly guestToken: string };

/** Throws CART_NOT_FOUND unless the cart exists and the reference gives access to it. */
export function checkAccess(cart: Cart | undefined, ref: CartRef): asserts cart is Cart {
  if (cart === undefined || !givesAccess(cart, ref)) {
    throw cartNotFound(ref.id);
  }
}

function givesAccess({ customerId, guestTokenHash }: Cart, ref: CartRef): boolean {
  if ("guestToken" in ref) {
    return guestTokenHash !== undefined && matchesHash(ref.guestToken, guestTokenHash);
  }
  return guestTokenHash === undefined && (ref.customerId === "" || ref.customerId === customerId);
}

/** The customer id of the orders that are made of a cart. */
export function buyerOf({ customerId, guestTokenHash }: Cart): string {
  return guestTokenHash === undefined ? customerId : guestCustomerId(guestTokenHash);
}

export function cartNotFound(cartId: string): DomainError {
  return new DomainError(reasons, "CART_NOT_FOUND", `there is no cart ${cartId}`, { cart_id: cartId });
}

/** Throws unless the cart is open and has this etag; "" is any etag. */
export function checkChangeable(cart: Cart, etag: string): void {
  switch (cart.state) {
    case "OPEN":
      break;
    case "CHECKING_OUT":
      throw checkingOut(cart.id, cart.orderId);
    default:
      throw cartClosed(cart);
  }
  checkEtag(cart, etag);
}

/** Throws ETAG_MISMATCH unless the cart has this etag; "" is any etag. */
export function checkEtag(cart: Cart, etag: string): void {
  if (etag !== "" && etag !== etagOf(cart)) {
    const message = `cart ${cart.id} has changed since it was read; read it again`;
    throw new DomainError(reasons, "ETAG_MISMATCH", message, { cart_id: cart.id, etag: etagOf(cart) });
  }
}

export function checkingOut(cartId: string, orderId: string | undefined): DomainError {
  const message = `cart ${cartId} is being checked out; it can be changed if the order fails`;
  return new DomainError(reasons, "CART_CHECKING_OUT", message, { cart_id: cartId, order_id: orderId ?? "" });
}

/** The error for a cart that is neither open nor being checked out. */
export function cartClosed({ id, state, orderId, mergedInto }: Cart): DomainError {
  const what = {
    OPEN: "is open",
    CHECKING_OUT: "is being checked out",
    PURCHASED: `was bought by order ${orderId}`,
    DELETED: "was deleted",
    EXPIRED: "has expired; duplicate it to go on with its contents",
    MERGED: `was merged into cart ${mergedInto}`,
  }[state];
  const metadata = { cart_id: id, state, order_id: orderId ?? "" };
  return new DomainError(reasons, "CART_CLOSED", `cart ${id} ${what}`, metadata);
}

export function etagOf({ version }: Cart): string {
  return version.toString();
}

/** Adds a quantity of a product and prices the line anew. */
export function addLine(cart: Cart, { productId, quantity }: LineInput, quotes: Quotes): Cart {
  const index = cart.lines.findIndex((line) => line.productId === productId);
  const present = cart.lines[index]?.quantity ?? 0;
  const added = priceLine({ productId, quantity: present + quantity }, quotes);
  const lines = index < 0 ? [...cart.lines, added] : cart.lines.with(index, added);
  return withLines(cart, lines);
}

/** Replaces all lines. A line with a quantity of zero or less is dropped. */
export function replaceLines(cart: Cart, inputs: readonly LineInput[], quotes: Quotes): Cart {
  return withLines(cart, priceLines(inputs, quotes));
}

/** Removes a product. Returns the same cart if the product is not in it. */
export function removeLine(cart: Cart, productId: string): Cart {
  const lines = cart.lines.filter((line) => line.productId !== productId);
  return lines.length === cart.lines.length ? cart : { ...cart, lines };
}

/** Prices lines, and checks the limits of a cart. Throws PRODUCT_NOT_FOUND, CURRENCY_MISMATCH or CART_LIMIT. */
export function priceLines(inputs: readonly LineInput[], quotes: Quotes): CartLine[] {
  const lines = inputs.filter(({ quantity }) => quantity > 0).map((input) => priceLine(input, quotes));
  checkLines(lines);
  return lines;
}

/** The sum of the lines; undefined if there are none, since there is no currency. */
export function totalOf(lines: readonly CartLine[]): Amount | undefined {
  const [first] = lines;
  if (first === undefined) {
    return undefined;
  }
  const minorUnits = lines.reduce((sum, line) => sum + line.unitPriceMinor * BigInt(line.quantity), 0n);
  return { currencyCode: first.currency, minorUnits };
}

const max = { lines: 100, quantity: 1_000_000, totalMinor: 10n ** 15n };

/** Prices one line. Throws PRODUCT_NOT_FOUND. */
export function priceLine({ productId, quantity }: LineInput, quotes: Quotes): CartLine {
  const { sku, title, currency, priceMinor } = quoteOf(quotes, productId);
  return { productId, quantity, sku, title, currency, unitPriceMinor: priceMinor };
}

function withLines(cart: Cart, lines: readonly CartLine[]): Cart {
  checkLines(lines);
  return { ...cart, lines };
}

/** Throws CURRENCY_MISMATCH if the lines are in more than one currency. */
export function checkOneCurrency(lines: readonly CartLine[]): void {
  const currency = lines[0]?.currency ?? "";
  const other = lines.find((line) => line.currency !== currency);
  if (other !== undefined) {
    const message = `product ${other.productId} is sold in ${other.currency}, the others in ${currency}`;
    const metadata = { product_id: other.productId, first: currency, second: other.currency };
    throw new DomainError(reasons, "CURRENCY_MISMATCH", message, metadata);
  }
}

/** A line that was left out of another cart because its product is no longer sold. Stored in this form. */
export type LeftOutLine = Pick<CartLine, "productId" | "sku" | "title" | "quantity">;

/** Separates the lines whose products are still sold from the others. */
export function separateSold(lines: readonly CartLine[], quotes: Quotes): { sold: CartLine[]; leftOut: LeftOutLine[] } {
  return {
    sold: lines.filter(({ productId }) => quotes.has(productId)),
    leftOut: lines
      .filter(({ productId }) => !quotes.has(productId))
      .map(({ productId, sku, title, quantity }) => ({ productId, sku, title, quantity })),
  };
}

function checkLines(lines: readonly CartLine[]): void {
  checkOneCurrency(lines);
  if (lines.length > max.lines) {
    throw cartLimit(`a cart has at most ${max.lines} lines`, { limit: "lines", max: String(max.lines) });
  }
  const excessive = lines.find(({ quantity }) => quantity > max.quantity);
  if (excessive !== undefined) {
    const { productId, quantity } = excessive;
    const message = `a cart has at most ${max.quantity} of a product; it would have ${quantity} of ${productId}`;
    throw cartLimit(message, { limit: "quantity", max: String(max.quantity), product_id: productId });
  }
  const total = totalOf(lines);
  if (total !== undefined && total.minorUnits > max.totalMinor) {
    const message = `a total of ${formatMoney(total)} is more than the limit of ${max.totalMinor} minor units`;
    throw cartLimit(message, { limit: "total_minor", max: String(max.totalMinor) });
  }
}

function cartLimit(message: string, metadata: { limit: string; max: string; product_id?: string }): DomainError {
  return new DomainError(reasons, "CART_LIMIT", message, metadata);
}
