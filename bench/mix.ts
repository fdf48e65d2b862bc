/** The order that a caller sends, and its expected outcome. */
export type Ask = {
  readonly customerId: string;
  readonly lines: readonly { readonly productId: string; readonly quantity: number }[];
  readonly expected: Expected;
};

export type Expected = "COMPLETED" | "OUT_OF_STOCK" | "PAYMENT_DECLINED";

/**
 * "spread": 1 or 2 lines of 10,000 products. "single": 1 line of 10,000 products. "hot": 1 line, always the same
 * product. In each, one order in ten is refused: in "spread" half for stock and half for money; in "single" and "hot",
 * which are compared with each other, all for money.
 */
export type Mix = "spread" | "single" | "hot";

export const productCount = 10_000;
export const soldOutCount = 10;
export const customerCount = 10_000;
export const brokeCount = 100;

export const hotProductId = "hot";

export function productId(index: number): string {
  return `product-${index}`;
}

export function soldOutId(index: number): string {
  return `sold-out-${index}`;
}

export function customerId(index: number): string {
  return `customer-${index}`;
}

export function brokeId(index: number): string {
  return `broke-${index}`;
}

/** Generates an endless sequence of orders for one caller: the same seed gives the same orders. */
export function* asks(mix: Mix, seed: number): Generator<Ask, never> {
  const random = randomOf(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  for (;;) {
    const fate = below(20);
    const expected = fate > 1 ? "COMPLETED" : fate === 1 && mix === "spread" ? "OUT_OF_STOCK" : "PAYMENT_DECLINED";
    const first = below(productCount);
    const second = (first + 1 + below(productCount - 1)) % productCount;
    const ids = mix === "hot" ? [hotProductId] : [productId(first)];
    if (mix === "spread" && below(2) === 0) {
      ids.push(productId(second));
    }
    if (expected === "OUT_OF_STOCK") {
      ids[0] = soldOutId(below(soldOutCount));
    }
    yield {
      customerId: expected === "PAYMENT_DECLINED" ? brokeId(below(brokeCount)) : customerId(below(customerCount)),
      lines: ids.map((id) => ({ productId: id, quantity: 1 + below(2) })),
      expected,
    };
  }
}

/** A generator of numbers from 0 to below 1 (mulberry32: small, and good enough for choosing orders). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
