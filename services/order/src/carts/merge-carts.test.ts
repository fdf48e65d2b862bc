import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { MergeCartsRequest_Strategy as Strategy } from "@sagacart/proto/order/v1/cart_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  contents,
  failureOf,
  json,
  lockMeanwhile,
  meanwhile,
  quote,
  startTestCarts,
  type TestCarts,
  there,
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
  return there((await stack.carts.getCart({ id })).cart);
}

/** Two carts of one customer. */
async function twoCarts(source: ReturnType<typeof line>[], target: ReturnType<typeof line>[]) {
  const customerId = randomUUID();
  const make = async (lines: ReturnType<typeof line>[]) =>
    there((await stack.carts.createCart({ customerId, lines })).cart);
  return { customerId, target: await make(target), source: await make(source) };
}

async function guestCart(...lines: ReturnType<typeof line>[]) {
  const { cart, guestToken } = await stack.guests.createGuestCart({ lines });
  return { id: there(cart).id, guestToken };
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

  test("the lines that come in have the price of now, the others keep theirs", async () => {
    const productId = randomUUID();
    stack.products.set(productId, quote({ productId, priceMinor: 100n }));
    const { customerId, source, target } = await twoCarts([line(productId, 1)], [line("mug", 1)]);
    stack.products.set(productId, quote({ productId, priceMinor: 150n }));
    const { cart } = await stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    expect(json(cart)).toMatchObject({ total: { minorUnits: "1449" } });
  });

  test("what is no longer sold is left out and named; the target keeps its own of it", async () => {
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

  test("a cart with nothing in it is merged too, and the target stays as it is", async () => {
    const { customerId, source, target } = await twoCarts([], [line("tea", 1)]);
    const { cart } = await stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    expect(cart).toEqual(target);
    expect(await get(source.id)).toMatchObject({ state: Cart_State.MERGED });
  });
});

describe("a preview", () => {
  test("answers what the merge then does, and changes nothing", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 2)], [line("tea", 1), line("mug", 1)]);
    const request = { customerId, sourceId: source.id, targetId: target.id, strategy: Strategy.LARGER };
    const preview = await stack.carts.mergeCarts({ ...request, preview: true });
    expect([await get(source.id), await get(target.id)]).toEqual([source, target]);
    expect(preview.cart?.etag).toBe(target.etag);
    const { cart, lines } = await stack.carts.mergeCarts({
      ...request,
      sourceEtag: source.etag,
      targetEtag: there(preview.cart).etag,
    });
    expect(lines).toEqual(preview.lines);
    expect(there(cart).lines).toEqual(there(preview.cart).lines);
  });

  test("does not make the default cart that it would go into", async () => {
    const customerId = randomUUID();
    const { id, guestToken } = await guestCart(line("tea", 2));
    const { cart } = await stack.carts.mergeCarts({ customerId, sourceId: id, guestToken, preview: true });
    expect(cart).toMatchObject({ id: "", customerId, isDefault: true });
    expect(contents(cart)).toEqual({ tea: 2 });
    expect((await stack.carts.listCarts({ customerId })).carts).toEqual([]);
  });

  test("that is out of date is not carried out", async () => {
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
  test("goes into the default cart where none is named", async () => {
    const { id: targetId, customerId } = await stack.newCart(line("tea", 1));
    const { id, guestToken } = await guestCart(line("tea", 2), line("mug", 1));
    const { cart } = await stack.carts.mergeCarts({ customerId, sourceId: id, guestToken });
    expect(there(cart).id).toBe(targetId);
    expect(contents(cart)).toEqual({ tea: 3, mug: 1 });
  });

  test("goes into a new default cart of a customer who has none", async () => {
    const customerId = randomUUID();
    const { id, guestToken } = await guestCart(line("tea", 2));
    const { cart } = await stack.carts.mergeCarts({ customerId, sourceId: id, guestToken });
    expect(contents((await stack.carts.getDefaultCart({ customerId })).cart)).toEqual({ tea: 2 });
    expect(cart).toMatchObject({ customerId, isDefault: true });
  });

  test.each([
    ["without its token", undefined],
    ["with another guest's token", "A".repeat(43)],
  ])("%s is not there, not even for a preview", async (_, guestToken) => {
    const customerId = randomUUID();
    const { id, guestToken: right } = await guestCart(line("tea", 2));
    const request = { customerId, sourceId: id, ...(guestToken === undefined ? {} : { guestToken }) };
    const expected = { code: Code.NotFound, reason: "CART_NOT_FOUND", metadata: { cart_id: id } };
    expect(await failureOf(stack.carts.mergeCarts(request))).toEqual(expected);
    expect(await failureOf(stack.carts.mergeCarts({ ...request, preview: true }))).toEqual(expected);
    expect(contents((await stack.guests.getGuestCart({ id, guestToken: right })).cart)).toEqual({ tea: 2 });
  });

  test("once it is merged, tells the guest so and takes nothing more", async () => {
    const { id, guestToken } = await guestCart(line("tea", 2));
    await stack.carts.mergeCarts({ customerId: randomUUID(), sourceId: id, guestToken });
    expect((await stack.guests.getGuestCart({ id, guestToken })).cart).toMatchObject({ state: Cart_State.MERGED });
    expect(await failureOf(stack.guests.addGuestCartItem({ id, guestToken, productId: "tea" }))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "CART_CLOSED",
      metadata: { state: "MERGED" },
    });
  });

  test("that went to one customer does not go to another", async () => {
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
  test("another customer's is not there, as the source or as the target", async () => {
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

  test("a cart is not merged into itself, named or as the default one", async () => {
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
    const there = { customerId, sourceId: source.id, targetId: target.id };
    expect(await failureOf(stack.carts.mergeCarts(there))).toMatchObject({ reason });
    const back = { customerId, sourceId: target.id, targetId: source.id };
    expect(await failureOf(stack.carts.mergeCarts(back))).toMatchObject({ reason });
    expect(await get(source.id)).toEqual(source);
  });

  test("the default cart can be merged away, and the next one asked for is another", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 1)], [line("mug", 1)]);
    await stack.carts.mergeCarts({ customerId, sourceId: target.id, targetId: source.id });
    const { cart } = await stack.carts.getDefaultCart({ customerId });
    expect([source.id, target.id]).not.toContain(there(cart).id);
  });
});

describe("twice", () => {
  test("is once, and says what the first one did with the target as it is now", async () => {
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

  test("says what was left out though it is sold again", async () => {
    const productId = randomUUID();
    stack.products.set(productId, quote({ productId }));
    const { customerId, source, target } = await twoCarts([line(productId, 3)], []);
    stack.products.delete(productId);
    const first = await stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    stack.products.set(productId, quote({ productId }));
    const second = await stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    expect(second).toEqual(first);
  });

  test("at once is once, from two processes", async () => {
    const customerId = randomUUID();
    const { id, guestToken } = await guestCart(line("tea", 2));
    const { id: targetId } = there((await stack.carts.createCart({ customerId, lines: [line("tea", 1)] })).cart);
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

  test("at once into two targets goes into one of them", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 2)], []);
    const other = there((await stack.carts.createCart({ customerId })).cart);
    const outcomes = await Promise.allSettled([
      stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id }),
      stack.elsewhere.mergeCarts({ customerId, sourceId: source.id, targetId: other.id }),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const teas = [contents(await get(target.id)), contents(await get(other.id))].map(({ tea = 0 }) => tea);
    expect(teas.sort()).toEqual([0, 2]);
  });
});

describe("meanwhile", () => {
  test("what is added to the source before the merge gets the lock goes with it", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 1)], []);
    const holder = await lockMeanwhile(stack.pool, source.id);
    const add = stack.carts.addCartItem({ id: source.id, productId: "mug", quantity: 3 });
    await untilWaiting(stack.pool, 1);
    const merge = stack.elsewhere.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    await untilWaiting(stack.pool, 2);
    await holder.end("rollback");
    await add;
    expect(contents((await merge).cart)).toEqual({ tea: 1, mug: 3 });
  });

  test("what is added to the target while it waits stays in it", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 1)], [line("tea", 1)]);
    const holder = await lockMeanwhile(stack.pool, target.id);
    const add = stack.carts.addCartItem({ id: target.id, productId: "tea", quantity: 5 });
    await untilWaiting(stack.pool, 1);
    const merge = stack.elsewhere.mergeCarts({ customerId, sourceId: source.id, targetId: target.id });
    await untilWaiting(stack.pool, 2);
    await holder.end("rollback");
    await add;
    expect(contents((await merge).cart)).toEqual({ tea: 7 });
  });

  test("a checkout of the source that comes first keeps it from being merged", async () => {
    const { customerId, source, target } = await twoCarts([line("tea", 1)], []);
    const checkout = await meanwhile(stack.pool, (tx) =>
      markCheckingOut(tx, [{ cartId: source.id, orderId: "the-order" }]),
    );
    const merge = failureOf(stack.carts.mergeCarts({ customerId, sourceId: source.id, targetId: target.id }));
    await untilWaiting(stack.pool, 1);
    await checkout.end("commit");
    expect(await merge).toMatchObject({ code: Code.Aborted, reason: "CART_CHECKING_OUT" });
    expect(await get(target.id)).toEqual(target);
  });

  test("adding to carts that are merged into each other loses nothing, whoever comes first", async () => {
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
