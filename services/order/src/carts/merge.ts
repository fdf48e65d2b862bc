import { addLine, type Cart } from "./cart.ts";
import type { Quote } from "./catalogue.ts";
import { type LeftOut, partSold } from "./left-out.ts";

/** What to do with a product that both carts have: take both together, or as many as the one with more has. */
export type Strategy = "SUM" | "LARGER";

/** What a merge does about one line of the source. Stored as it is here. */
export type MergedLine = {
  readonly productId: string;
  readonly title: string;
  /** How many the target had. */
  readonly targetQuantity: number;
  readonly sourceQuantity: number;
  /** How many the target has then. */
  readonly quantity: number;
};

/** What a merge does, line by line. */
export type MergeStory = { readonly lines: readonly MergedLine[]; readonly leftOut: readonly LeftOut[] };

/**
 * The target with what is in the source, at the prices of now; the same target where nothing changes in it. Throws what
 * would be wrong with it: too much, or two currencies.
 */
export function merge(
  { source, target }: { readonly source: Cart; readonly target: Cart },
  strategy: Strategy,
  quotes: ReadonlyMap<string, Quote>,
): MergeStory & { readonly cart: Cart } {
  const { sold, leftOut } = partSold(source.lines, quotes);
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
