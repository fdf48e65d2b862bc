import { randomInt } from "node:crypto";
import { errorInfo } from "@sagacart/chassis/errors";
import { MergeCartsRequest_Strategy as Strategy } from "@sagacart/proto/order/v1/cart_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { contents, quote, requireCart, startTestCarts, type TestCarts } from "../testing/test-carts.ts";

let stack: TestCarts;
beforeAll(async () => {
  stack = await startTestCarts();
});
afterAll(() => stack[Symbol.asyncDispose]());

const seeds = [1, 2, randomInt(2 ** 31)];

/** Pseudorandom numbers from a seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Model = Map<string, Record<string, number>>;

test.each(seeds)("random changes, merges and duplicates match a simple model (seed %i)", async (seed) => {
  const below = numbers(seed);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] ?? expect.fail("nothing to pick from");
  const customerId = `customer-${seed}`;
  const products = Array.from({ length: 6 }, (_, index) => `p${index}-${seed}`);
  for (const productId of products) {
    stack.products.set(productId, quote({ productId }));
  }
  const open: Model = new Map();
  const make = async (lines: Record<string, number>) => {
    const inputs = Object.entries(lines).map(([productId, quantity]) => ({ productId, quantity }));
    const { cart } = await stack.carts.createCart({ customerId, lines: inputs });
    open.set(requireCart(cart).id, { ...lines });
  };
  await make({});
  await make({});
  for (let step = 0; step < 120; step++) {
    const id = pick([...open.keys()]);
    const now = open.get(id) ?? {};
    const productId = pick(products);
    switch (below(6)) {
      case 0:
        await make({ [productId]: 1 + below(5) });
        break;
      case 1: {
        const quantity = 1 + below(5);
        await stack.carts.addCartItem({ id, productId, quantity });
        open.set(id, { ...now, [productId]: (now[productId] ?? 0) + quantity });
        break;
      }
      case 2: {
        const lines = products.map((each) => ({ productId: each, quantity: below(7) - 3 }));
        await stack.carts.replaceCartLines({ id, lines });
        const kept = lines.filter(({ quantity }) => quantity > 0);
        open.set(id, Object.fromEntries(kept.map((line) => [line.productId, line.quantity])));
        break;
      }
      case 3: {
        await stack.carts.removeCartItem({ id, productId });
        const { [productId]: _, ...rest } = now;
        open.set(id, rest);
        break;
      }
      case 4: {
        const { cart } = await stack.carts.duplicateCart({ id, customerId });
        open.set(requireCart(cart).id, { ...now });
        break;
      }
      default: {
        const others = [...open.keys()].filter((other) => other !== id);
        if (others.length === 0) {
          break;
        }
        const targetId = pick(others);
        const strategy = pick([Strategy.SUM, Strategy.LARGER]);
        const after = { ...open.get(targetId) };
        for (const [each, quantity] of Object.entries(now)) {
          const had = after[each] ?? 0;
          after[each] = strategy === Strategy.SUM ? had + quantity : Math.max(had, quantity);
        }
        const preview = await stack.carts.mergeCarts({ customerId, sourceId: id, targetId, strategy, preview: true });
        const { cart } = await stack.carts.mergeCarts({ customerId, sourceId: id, targetId, strategy });
        expect([contents(preview.cart), contents(cart)]).toEqual([after, after]);
        open.set(targetId, after);
        open.delete(id);
      }
    }
  }
  const { carts } = await stack.carts.listCarts({ customerId, pageSize: 200 });
  expect(Object.fromEntries(carts.map((cart) => [cart.id, contents(cart)]))).toEqual(Object.fromEntries(open));
});

test.each(seeds)("concurrent merges in all directions lose nothing and double nothing (seed %i)", async (seed) => {
  const below = numbers(seed);
  const customerId = `ring-${seed}`;
  const items = Array.from({ length: 12 }, (_, index) => ({
    id: `ring-${seed}-${index}`,
    customerId,
    lines: [{ productId: "tea", quantity: 1 + below(100) }],
  }));
  await stack.carts.batchPutCarts({ items });
  const merges = Array.from({ length: 60 }, async (_, index) => {
    const [sourceId, targetId] = [`ring-${seed}-${below(12)}`, `ring-${seed}-${below(12)}`];
    const carts = index % 2 === 0 ? stack.carts : stack.elsewhere;
    await carts.mergeCarts({ customerId, sourceId, targetId }).catch((error) => {
      // The cart itself is the target, or one of both was merged already. Any other error is a bug.
      expect(errorInfo(error).reason === "CART_CLOSED" || sourceId === targetId).toBe(true);
    });
  });
  await Promise.all(merges);
  const { carts } = await stack.carts.listCarts({ customerId });
  const teas = (list: readonly { lines: readonly { quantity: number }[] }[]) =>
    list.flatMap(({ lines }) => lines).reduce((sum, { quantity }) => sum + quantity, 0);
  expect(teas(carts)).toBe(teas(items));
  expect(carts.length).toBeLessThan(12);
});
