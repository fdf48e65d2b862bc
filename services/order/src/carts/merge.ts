import { addLine, type Cart, type LeftOutLine, separateSold } from "./cart.ts";
import type { Quotes } from "./quote.ts";

/** How to merge a product that both carts have: add the quantities, or take the larger one. */
export type Strategy = "SUM" | "LARGER";

/** The effect of a merge on one line of the source. Stored in this form. */
type MergedLine = {
  readonly productId: string;
  readonly title: string;
  /** The quantity in the target before the merge. */
  readonly targetQuantity: number;
  readonly sourceQuantity: number;
  /** The quantity in the target after the merge. */
  readonly quantity: number;
};

/** The report of a merge, line by line. Stored in this form. */
export type MergeReport = { readonly lines: readonly MergedLine[]; readonly leftOut: readonly LeftOutLine[] };

/**
 * Adds the lines of the source to the target at the prices of now. Returns the same target if nothing changes. Throws
 * CART_LIMIT or CURRENCY_MISMATCH.
 */
export function merge(
  { source, target }: { readonly source: Cart; readonly target: Cart },
  strategy: Strategy,
  quotes: Quotes,
): MergeReport & { readonly cart: Cart } {
  const { sold, leftOut } = separateSold(source.lines, quotes);
  const lines: MergedLine[] = [];
  let cart = target;
  for (const { productId, title, quantity: sourceQuantity } of sold) {
    const targetQuantity = target.lines.find((line) => line.productId === productId)?.quantity ?? 0;
    const added = strategy === "SUM" ? sourceQuantity : Math.max(0, sourceQuantity - targetQuantity);
    cart = added === 0 ? cart : addLine(cart, { productId, quantity: added }, quotes);
    lines.push({ productId, title, targetQuantity, sourceQuantity, quantity: targetQuantity + added });
  }
  return { cart, lines, leftOut };
}
