import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { MergeCartsRequest_Strategy as Strategy } from "@sagacart/proto/order/v1/cart_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  contents,
  failureOf,
  holdCartLock,
  holdTransaction,
  json,
  quote,
  requireCart,
  startTestCarts,
  type TestCarts,
  untilWaiting,
} from "../testing/test-carts.ts";
import { markCheckingOut } from "./cart-store.ts";

let stack: TestCarts;
beforeAll(async () => {
  stack = await startTestCarts();
});
afterAll(() => stack[Symbol.asyncDispose]());

const line = (productId: string, quantity: number) => ({ productId, quantity });

async function get(id: string) {
  return requireCart((await stack.carts.getCart({ id })).cart);
}

/** Two carts of one customer. */
async function twoCarts(source: ReturnType<typeof line>[], target: ReturnType<typeof line>[]) {
  const customerId = randomUUID();
  const make = async (lines: ReturnType<typeof line>[]) =>
    requireCart((await stack.carts.createCart({ customerId, lines })).cart);
  return { customerId, target: await make(target), source: await make(source) };
}

async function guestCart(...lines: ReturnType<typeof line>[]) {
  const { cart, guestToken } = await stack.guests.createGuestCart({ lines });
  return { id: requireCart(cart).id, guestToken };
}

describe("what comes out", () => {
  test.each([
    ["sums what both have", Strategy.SUM, { mug: 7, tea: 2, gold: 1 }, 7],
    ["sums where nothing is said", Strategy.UNSPECIFIED, { mug: 7, tea: 2, gold: 1 }, 7],
    ["keeps the larger of what both have", Strategy.LARGER, { mug: 5, tea: 2, gold: 1 }, 5],
  ])("it %s, and tells it line by line", async (_, strategy, expected, mugs) => {
    const { customerId, source, target } = await twoCarts(
      [line("tea", 2), line("mug", 2)],
      [line("mug", 5), line("gold", 1)],
    );
    const request = { customerId, sourceId: source.id, targetId: target.id, strategy };
    const answer = await stack.carts.mergeCarts(request);
    expect(contents(answer.cart)).toEqual(expected);
    expect(answer.lines.map(({ $typeName, ...rest }) => rest)).toEqual([
      { productId: "tea", title: "Tea", targetQuantity: 0, sourceQuantity: 2, quantity: 2 },
      { productId: "mug", title: "Mug", targetQuantity: 5, sourceQuantity: 2, quantity: mugs },
    ]);
    expect(await get(target.id)).toEqual(answer.cart);
    expect(await get(source.id)).toMatchObject({ state: Cart_State.MERGED, mergedInto: target.id, etag: "2" });
  });

  test("merged lines have current prices, the others keep theirs", async () => {
    const productId = randomUUID();
    stack.products.set(productId, quote({ productId, priceMinor: 100n }));
    const { customerId, source, target } = await twoCarts([line(productId, 1)], [line("mug", 1)]);
    stack.products.set(productId, quote({ productId, priceMinor: 150n }));
    const { cart } = await stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    expect(json(cart)).toMatchObject({ total: { minorUnits: "1449" } });
  });

  test("products that are no longer sold are left out and listed, and stay in the target", async () => {
    const productId = randomUUID();
    stack.products.set(productId, quote({ productId, title: "Gone" }));
    const { customerId, source, target } = await twoCarts([line(productId, 3), line("tea", 1)], [line(productId, 1)]);
    stack.products.delete(productId);
    const answer = await stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    expect(contents(answer.cart)).toEqual({ [productId]: 1, tea: 1 });
    expect(answer.leftOut).toMatchObject([{ productId, title: "Gone", quantity: 3 }]);
  });

  test.each([
    ["more than a million of a product", [line("tea", 600_000)], [line("tea", 400_001)], "CART_LIMIT"],
    ["two currencies", [line("rice", 1)], [line("tea", 1)], "CURRENCY_MISMATCH"],
  ])("%s is refused, by the preview too, and changes nothing", async (_, inSource, inTarget, reason) => {
    const { customerId, source, target } = await twoCarts(inSource, inTarget);
    const request = { customerId, sourceId: source.id, targetId: target.id };
    expect(await failureOf(stack.carts.mergeCarts({ ...request, preview: true }))).toMatchObject({ reason });
    expect(await failureOf(stack.carts.mergeCarts(request))).toMatchObject({ code: Code.FailedPrecondition, reason });
    expect([await get(source.id), await get(target.id)]).toEqual([source, target]);
  });

  test("an empty cart can be merged, and the target does not change", async () => {
    const { customerId, source, target } = await twoCarts([], [line("tea", 1)]);
    const { cart } = await stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    expect(cart).toEqual(target);
    expect(await get(source.id)).toMatchObject({ state: Cart_State.MERGED });
  });
});

describe("a preview", () => {
  test("answers with what the merge does then, and changes nothing", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 2)], [line("tea", 1), line("mug", 1)]);
    const request = { customerId, sourceId: source.id, targetId: target.id, strategy: Strategy.LARGER };
    const preview = await stack.carts.mergeCarts({ ...request, preview: true });
    expect([await get(source.id), await get(target.id)]).toEqual([source, target]);
    expect(preview.cart?.etag).toBe(target.etag);
    const { cart, lines } = await stack.carts.mergeCarts({
      ...request,
      sourceEtag: source.etag,
      targetEtag: requireCart(preview.cart).etag,
    });
    expect(lines).toEqual(preview.lines);
    expect(requireCart(cart).lines).toEqual(requireCart(preview.cart).lines);
  });

  test("does not create the default cart that would be the target", async () => {
    const customerId = randomUUID();
    const { id, guestToken } = await guestCart(line("tea", 2));
    const { cart } = await stack.carts.mergeCarts({ customerId, sourceId: id, guestToken, preview: true });
    expect(cart).toMatchObject({ id: "", customerId, isDefault: true });
    expect(contents(cart)).toEqual({ tea: 2 });
    expect((await stack.carts.listCarts({ customerId })).carts).toEqual([]);
  });

  test("with outdated etags is followed by a refused merge", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 2)], [line("mug", 1)]);
    const request = { customerId, sourceId: source.id, targetId: target.id, sourceEtag: source.etag, targetEtag: "1" };
    await stack.carts.addCartItem({ id: target.id, productId: "tea" });
    expect(await failureOf(stack.carts.mergeCarts(request))).toMatchObject({ reason: "ETAG_MISMATCH" });
    await stack.carts.addCartItem({ id: source.id, productId: "tea" });
    expect(await failureOf(stack.carts.mergeCarts({ ...request, targetEtag: "" }))).toMatchObject({
      reason: "ETAG_MISMATCH",
    });
  });
});

describe("a guest's cart at sign-in", () => {
  test("is merged into the default cart if no target is named", async () => {
    const { id: targetId, customerId } = await stack.newCart(line("tea", 1));
    const { id, guestToken } = await guestCart(line("tea", 2), line("mug", 1));
    const { cart } = await stack.carts.mergeCarts({ customerId, sourceId: id, guestToken });
    expect(requireCart(cart).id).toBe(targetId);
    expect(contents(cart)).toEqual({ tea: 3, mug: 1 });
  });

  test("is merged into a new default cart if the customer has none", async () => {
    const customerId = randomUUID();
    const { id, guestToken } = await guestCart(line("tea", 2));
    const { cart } = await stack.carts.mergeCarts({ customerId, sourceId: id, guestToken });
    expect(contents((await stack.carts.getDefaultCart({ customerId })).cart)).toEqual({ tea: 2 });
    expect(cart).toMatchObject({ customerId, isDefault: true });
  });

  test.each([
    ["without its token", undefined],
    ["with another guest's token", "A".repeat(43)],
  ])("%s is not found, not even for a preview", async (_, guestToken) => {
    const customerId = randomUUID();
    const { id, guestToken: right } = await guestCart(line("tea", 2));
    const request = { customerId, sourceId: id, ...(guestToken === undefined ? {} : { guestToken }) };
    const expected = { code: Code.NotFound, reason: "CART_NOT_FOUND", metadata: { cart_id: id } };
    expect(await failureOf(stack.carts.mergeCarts(request))).toEqual(expected);
    expect(await failureOf(stack.carts.mergeCarts({ ...request, preview: true }))).toEqual(expected);
    expect(contents((await stack.guests.getGuestCart({ id, guestToken: right })).cart)).toEqual({ tea: 2 });
  });

  test("shows the guest that it is merged, and cannot be changed any more", async () => {
    const { id, guestToken } = await guestCart(line("tea", 2));
    await stack.carts.mergeCarts({ customerId: randomUUID(), sourceId: id, guestToken });
    expect((await stack.guests.getGuestCart({ id, guestToken })).cart).toMatchObject({ state: Cart_State.MERGED });
    expect(await failureOf(stack.guests.addGuestCartItem({ id, guestToken, productId: "tea" }))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "CART_CLOSED",
      metadata: { state: "MERGED" },
    });
  });

  test("that was merged for one customer cannot be merged for another", async () => {
    const { id, guestToken } = await guestCart(line("tea", 2));
    await stack.carts.mergeCarts({ customerId: randomUUID(), sourceId: id, guestToken });
    const other = await stack.newCart();
    for (const targetId of ["", other.id]) {
      const call = stack.carts.mergeCarts({ customerId: other.customerId, sourceId: id, guestToken, targetId });
      expect(await failureOf(call)).toMatchObject({ reason: "CART_CLOSED", metadata: { state: "MERGED" } });
    }
    expect(await get(other.id)).toEqual(other);
  });
});

describe("which carts", () => {
  test("another customer's cart is not found, as the source or as the target", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 1)], []);
    const other = await stack.newCart(line("mug", 1));
    for (const [asked, missing] of [
      [{ customerId, sourceId: other.id, targetId: target.id }, other.id],
      [{ customerId, sourceId: source.id, targetId: other.id }, other.id],
      [{ customerId: other.customerId, sourceId: source.id, targetId: other.id }, source.id],
    ] as const) {
      expect(await failureOf(stack.carts.mergeCarts(asked))).toEqual({
        code: Code.NotFound,
        reason: "CART_NOT_FOUND",
        metadata: { cart_id: missing },
      });
    }
    expect([await get(source.id), await get(other.id)]).toEqual([source, other]);
  });

  test("a cart is not merged into itself, named or as the default cart", async () => {
    const { id, customerId } = await stack.newCart(line("tea", 1));
    const named = stack.carts.mergeCarts({ customerId, sourceId: id, targetId: id });
    expect(await failureOf(named)).toMatchObject({ code: Code.InvalidArgument });
    expect(await failureOf(stack.carts.mergeCarts({ customerId, sourceId: id }))).toMatchObject({
      code: Code.InvalidArgument,
      reason: "CART_NAMED_TWICE",
    });
  });

  test.each([
    ["CHECKING_OUT", "CART_CHECKING_OUT"],
    ["PURCHASED", "CART_CLOSED"],
    ["DELETED", "CART_CLOSED"],
    ["EXPIRED", "CART_CLOSED"],
  ] as const)("one that is %s is neither the source nor the target", async (state, reason) => {
    const { customerId, source, target } = await twoCarts([line("tea", 1)], [line("mug", 1)]);
    await stack.bringTo(state, target.id);
    const request = { customerId, sourceId: source.id, targetId: target.id };
    expect(await failureOf(stack.carts.mergeCarts(request))).toMatchObject({ reason });
    const back = { customerId, sourceId: target.id, targetId: source.id };
    expect(await failureOf(stack.carts.mergeCarts(back))).toMatchObject({ reason });
    expect(await get(source.id)).toEqual(source);
  });

  test("the default cart can be the source, and the next default cart is a new one", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 1)], [line("mug", 1)]);
    await stack.carts.mergeCarts({ customerId, sourceId: target.id, targetId: source.id });
    const { cart } = await stack.carts.getDefaultCart({ customerId });
    expect([source.id, target.id]).not.toContain(requireCart(cart).id);
  });
});

describe("twice", () => {
  test("merges once, and answers like the first with the target as it is now", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 2)], [line("tea", 1)]);
    const request = { customerId, sourceId: source.id, targetId: target.id };
    const first = await stack.carts.mergeCarts(request);
    await stack.carts.addCartItem({ id: target.id, productId: "mug" });
    for (const again of [request, { ...request, targetId: "" }, { ...request, preview: true }]) {
      const second = await stack.carts.mergeCarts(again);
      expect(second.lines).toEqual(first.lines);
      expect(contents(second.cart)).toEqual({ tea: 3, mug: 1 });
    }
  });

  test("lists what was left out, although it is sold again", async () => {
    const productId = randomUUID();
    stack.products.set(productId, quote({ productId }));
    const { customerId, source, target } = await twoCarts([line(productId, 3)], []);
    stack.products.delete(productId);
    const first = await stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    stack.products.set(productId, quote({ productId }));
    const second = await stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    expect(second).toEqual(first);
  });

  test("at once in two processes merges once", async () => {
    const customerId = randomUUID();
    const { id, guestToken } = await guestCart(line("tea", 2));
    const { id: targetId } = requireCart((await stack.carts.createCart({ customerId, lines: [line("tea", 1)] })).cart);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? stack.carts : stack.elsewhere).mergeCarts({ customerId, sourceId: id, guestToken }),
      ),
    );
    expect(contents(await get(targetId))).toEqual({ tea: 3 });
    for (const { lines } of answers) {
      expect(lines).toEqual(answers[0]?.lines);
    }
  });

  test("at once into two targets merges into one of them", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 2)], []);
    const other = requireCart((await stack.carts.createCart({ customerId })).cart);
    const outcomes = await Promise.allSettled([
      stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id }),
      stack.elsewhere.mergeCarts({ customerId, sourceId: source.id, targetId: other.id }),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const teas = [contents(await get(target.id)), contents(await get(other.id))].map(({ tea = 0 }) => tea);
    expect(teas.sort()).toEqual([0, 2]);
  });
});

describe("a concurrent change", () => {
  test("an addition to the source before the merge gets the lock is merged too", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 1)], []);
    const holder = await holdCartLock(stack.pool, source.id);
    const add = stack.carts.addCartItem({ id: source.id, productId: "mug", quantity: 3 });
    await untilWaiting(stack.pool, 1);
    const merge = stack.elsewhere.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    await untilWaiting(stack.pool, 2);
    await holder.end("rollback");
    await add;
    expect(contents((await merge).cart)).toEqual({ tea: 1, mug: 3 });
  });

  test("an addition to the target while the merge waits is kept", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 1)], [line("tea", 1)]);
    const holder = await holdCartLock(stack.pool, target.id);
    const add = stack.carts.addCartItem({ id: target.id, productId: "tea", quantity: 5 });
    await untilWaiting(stack.pool, 1);
    const merge = stack.elsewhere.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    await untilWaiting(stack.pool, 2);
    await holder.end("rollback");
    await add;
    expect(contents((await merge).cart)).toEqual({ tea: 7 });
  });

  test("a checkout of the source that comes first prevents the merge", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 1)], []);
    const checkout = await holdTransaction(stack.pool, (tx) =>
      markCheckingOut(tx, [{ cartId: source.id, orderId: "the-order" }]),
    );
    const merge = failureOf(stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id }));
    await untilWaiting(stack.pool, 1);
    await checkout.end("commit");
    expect(await merge).toMatchObject({ code: Code.Aborted, reason: "CART_CHECKING_OUT" });
    expect(await get(target.id)).toEqual(target);
  });

  test("additions to carts that are merged into each other are never lost", async () => {
    const { customerId, source, target } = await twoCarts([], []);
    const adds = Array.from({ length: 30 }, (_, index) =>
      (index % 2 === 0 ? stack.carts : stack.elsewhere)
        .addCartItem({ id: index % 3 === 0 ? source.id : target.id, productId: "tea" })
        .then(
          () => 1,
          () => 0,
        ),
    );
    const merges = Promise.allSettled([
      stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id }),
      stack.elsewhere.mergeCarts({ customerId, sourceId: target.id, targetId: source.id }),
    ]);
    const added: number[] = await Promise.all(adds);
    const outcomes = await merges;
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const { carts } = await stack.carts.listCarts({ customerId });
    expect(carts).toHaveLength(1);
    expect(contents(carts[0]).tea ?? 0).toBe(added.reduce((sum, one) => sum + one, 0));
  });
});
