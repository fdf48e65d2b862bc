import { create } from "@bufbuild/protobuf";
import { type LeftOutLine, LeftOutLineSchema } from "@sagacart/proto/order/v1/cart";
import type { CartLine } from "./cart.ts";
import type { Quote } from "./catalogue.ts";

/** A line that did not come into another cart, since its product is no longer sold. Stored as it is here. */
export type LeftOut = Pick<CartLine, "productId" | "sku" | "title" | "quantity">;

/** Parts the lines whose products are still sold from the others. */
export function partSold(
  lines: readonly CartLine[],
  quotes: ReadonlyMap<string, Quote>,
): { sold: CartLine[]; leftOut: LeftOut[] } {
  return {
    sold: lines.filter(({ productId }) => quotes.has(productId)),
    leftOut: lines
      .filter(({ productId }) => !quotes.has(productId))
      .map(({ productId, sku, title, quantity }) => ({ productId, sku, title, quantity })),
  };
}

/** It as it goes over the wire. */
export function leftOutMessage(line: LeftOut): LeftOutLine {
  return create(LeftOutLineSchema, line);
}
