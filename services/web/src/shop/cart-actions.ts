import type { Cart } from "@sagacart/proto/order/v1/cart";

export type Line = { readonly productId: string; readonly quantity: number };

/** The cart of the person who is signed in, or the guest's. Each change returns the cart as it then is. */
export type CartActions = {
  read(): Promise<Cart | undefined>;
  add(line: Line, requestId: string): Promise<Cart | undefined>;
  /** Replaces all lines of the cart as it was read: fails with ETAG_MISMATCH if it has changed elsewhere. */
  replace(cart: Cart, lines: readonly Line[]): Promise<Cart | undefined>;
};

/** Returns the lines with another quantity of a product; without it if that is 0. */
export function withQuantity(lines: readonly Line[], productId: string, quantity: number): readonly Line[] {
  return lines
    .map((line) => ({ productId: line.productId, quantity: line.productId === productId ? quantity : line.quantity }))
    .filter((line) => line.quantity > 0);
}
