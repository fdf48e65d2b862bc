import { hash } from "node:crypto";

export type Kind = "ORDER" | "MANUAL";
export type State = "HELD" | "PINNED" | "COMMITTED" | "RELEASED" | "EXPIRED" | "REFUSED";

/** How many of a product. */
export type Line = { readonly productId: string; readonly quantity: number };

/** What was short; `unknownProduct` where there is no such product. */
export type Shortage = {
  readonly productId: string;
  readonly requested: number;
  readonly available: number;
  readonly unknownProduct: boolean;
};

/** A reservation as it is kept. Of one that is HELD and whose time is over, the state is EXPIRED here. */
export type Reservation = {
  readonly id: string;
  readonly kind: Kind;
  readonly state: State;
  readonly lines: readonly Line[];
  readonly expireTime: Date | null;
  readonly shortages: readonly Shortage[];
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** What somebody asks to have set aside. Each product is in one line at most. */
export type Wish = {
  readonly id: string;
  readonly kind: Kind;
  readonly lines: readonly Line[];
  /** HELD until then. Without one, an order's is PINNED, and one by hand is HELD for as long as it takes. */
  readonly expireTime: Date | null;
};

/** Which wishes come true: those with no shortages. In the order of the wishes. */
export type Allotment = { readonly wish: Wish; readonly shortages: readonly Shortage[] };

/**
 * Hands out what is available (by product; what is not in there does not exist): each wish gets all its lines or
 * none, and earlier ones come first.
 */
export function allot(wishes: readonly Wish[], available: ReadonlyMap<string, number>): Allotment[] {
  const left = new Map(available);
  return wishes.map((wish) => {
    const shortages = wish.lines.flatMap((line) => shortage(line, left.get(line.productId)));
    if (shortages.length === 0) {
      for (const { productId, quantity } of wish.lines) {
        left.set(productId, (left.get(productId) ?? 0) - quantity);
      }
    }
    return { wish, shortages };
  });
}

/** Equal for wishes that ask for the same, whatever the order of their lines: whom it is for, and what, not until when. */
export function fingerprint({ kind, lines }: Wish): Buffer {
  const sorted = lines.map(({ productId, quantity }) => `${productId} ${quantity}`).sort();
  return hash("sha256", `${kind}\n${sorted.join("\n")}`, "buffer");
}

function shortage({ productId, quantity }: Line, available: number | undefined): Shortage[] {
  if (available !== undefined && available >= quantity) {
    return [];
  }
  const unknownProduct = available === undefined;
  return [{ productId, requested: quantity, available: available ?? 0, unknownProduct }];
}
