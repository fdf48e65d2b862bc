import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  contents,
  failureOf,
  lockMeanwhile,
  meanwhile,
  startTestCarts,
  type TestCarts,
  there,
  untilWaiting,
} from "../testing/test-carts.ts";
import { insertDefaultCart } from "./cart-insert-store.ts";
import { markCheckingOut } from "./cart-store.ts";

// Each race is an interleaving: somebody holds a lock, calls come to wait for it in a known order, and it goes.

let stack: TestCarts;
beforeAll(async () => {
  stack = await startTestCarts();
});
afterAll(() => stack[Symbol.asyncDispose]());

const oneTea = { productId: "tea", quantity: 1 };

async function get(id: string) {
  return there((await stack.carts.getCart({ id })).cart);
}

test("two that add at once, in two processes, both add", async () => {
  const { id } = await stack.newCart();
  const holder = await lockMeanwhile(stack.pool, id);
  const first = stack.carts.addCartItem({ id, productId: "tea", quantity: 2 });
  await untilWaiting(stack.pool, 1);
  const second = stack.elsewhere.addCartItem({ id, productId: "tea", quantity: 3 });
  await untilWaiting(stack.pool, 2);
  await holder.end("rollback");
  expect([contents((await first).cart), contents((await second).cart)]).toEqual([{ tea: 2 }, { tea: 5 }]);
  expect(await get(id)).toEqual((await second).cart);
});

test("fifty that add to one cart at once all add, each with a version of its own", async () => {
  const { id } = await stack.newCart();
  const adds = Array.from({ length: 50 }, (_, index) => {
    const carts = index % 2 === 0 ? stack.carts : stack.elsewhere;
    return carts.addCartItem({ id, productId: index % 3 === 0 ? "mug" : "tea" });
  });
  const etags = (await Promise.all(adds)).map(({ cart }) => Number(there(cart).etag));
  expect(etags.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 2));
  expect(contents(await get(id))).toEqual({ tea: 33, mug: 17 });
});

test("of those that are added together, one that is refused leaves the others alone", async () => {
  const [good, other, closed] = [await stack.newCart(), await stack.newCart(oneTea), await stack.newCart(oneTea)];
  await stack.carts.deleteCart({ id: closed.id });
  const outcomes = await Promise.all([
    failureOf(stack.carts.addCartItem({ id: closed.id, productId: "tea" })),
    stack.carts.addCartItem({ id: good.id, productId: "tea" }),
    failureOf(stack.carts.addCartItem({ id: good.id, productId: "rice" })),
    failureOf(stack.carts.addCartItem({ id: other.id, productId: "unheard-of" })),
    stack.carts.addCartItem({ id: good.id, productId: "mug" }),
    failureOf(stack.carts.addCartItem({ id: "unheard-of", productId: "mug" })),
  ]);
  expect(outcomes).toMatchObject([
    { reason: "CART_CLOSED" },
    { cart: { etag: "2" } },
    { reason: "CURRENCY_MISMATCH" },
    { reason: "PRODUCT_NOT_FOUND" },
    { cart: { etag: "3" } },
    { reason: "CART_NOT_FOUND" },
  ]);
  expect(contents(await get(good.id))).toEqual({ tea: 1, mug: 1 });
  expect(await get(other.id)).toEqual(other);
});

test("lines that replace those of before do not undo what was added meanwhile", async () => {
  const { id, etag } = await stack.newCart();
  const holder = await lockMeanwhile(stack.pool, id);
  const add = stack.carts.addCartItem({ id, productId: "tea" });
  await untilWaiting(stack.pool, 1);
  const replace = failureOf(stack.elsewhere.replaceCartLines({ id, etag, lines: [] }));
  await untilWaiting(stack.pool, 2);
  await holder.end("rollback");
  await add;
  expect(await replace).toEqual({
    code: Code.Aborted,
    reason: "ETAG_MISMATCH",
    metadata: { cart_id: id, etag: "2" },
  });
  expect(contents(await get(id))).toEqual({ tea: 1 });
});

test("what is added comes on top of lines that were replaced meanwhile", async () => {
  const { id, etag } = await stack.newCart(oneTea);
  const holder = await lockMeanwhile(stack.pool, id);
  const replace = stack.carts.replaceCartLines({ id, etag, lines: [{ productId: "mug", quantity: 5 }] });
  await untilWaiting(stack.pool, 1);
  const add = stack.elsewhere.addCartItem({ id, productId: "tea" });
  await untilWaiting(stack.pool, 2);
  await holder.end("rollback");
  await replace;
  expect(contents((await add).cart)).toEqual({ mug: 5, tea: 1 });
});

test("a change that waited for a checkout is refused", async () => {
  const { id } = await stack.newCart(oneTea);
  const checkout = await meanwhile(stack.pool, (tx) => markCheckingOut(tx, [{ cartId: id, orderId: "the-order" }]));
  const calls = [
    failureOf(stack.carts.addCartItem({ id, productId: "tea" })),
    failureOf(stack.carts.deleteCart({ id })),
    failureOf(stack.carts.batchPutCarts({ items: [{ id, customerId: "somebody" }] })),
  ];
  await untilWaiting(stack.pool, 3);
  await checkout.end("commit");
  for (const failure of await Promise.all(calls)) {
    expect(failure).toMatchObject({ code: Code.Aborted, reason: "CART_CHECKING_OUT" });
  }
  expect(await get(id)).toMatchObject({ orderId: "the-order", etag: "2" });
});

test("a change that waited for a checkout that was not made goes through", async () => {
  const { id } = await stack.newCart(oneTea);
  const checkout = await meanwhile(stack.pool, (tx) => markCheckingOut(tx, [{ cartId: id, orderId: "the-order" }]));
  const add = stack.carts.addCartItem({ id, productId: "tea" });
  await untilWaiting(stack.pool, 1);
  await checkout.end("rollback");
  expect(contents((await add).cart)).toEqual({ tea: 2 });
});

test.each(["commit", "rollback"] as const)(
  "a default cart that somebody else is making is waited for (%s)",
  async (how) => {
    const customerId = randomUUID();
    const id = randomUUID();
    const maker = await meanwhile(stack.pool, (tx) => insertDefaultCart(tx, id, customerId));
    const first = stack.carts.getDefaultCart({ customerId });
    const second = stack.elsewhere.getDefaultCart({ customerId });
    await untilWaiting(stack.pool, 2);
    await maker.end(how);
    expect((await first).cart).toEqual((await second).cart);
    expect((await first).cart?.id === id).toBe(how === "commit");
  },
);

test("many that ask for the default cart at once get the same one", async () => {
  const customerId = randomUUID();
  const calls = Array.from({ length: 40 }, (_, index) =>
    (index % 2 === 0 ? stack.carts : stack.elsewhere).getDefaultCart({ customerId }),
  );
  const ids = (await Promise.all(calls)).map(({ cart }) => there(cart).id);
  expect(new Set(ids).size).toBe(1);
  expect((await stack.carts.listCarts({ customerId })).carts).toHaveLength(1);
});

test("of carts that are made at once for a new customer, one is the default", async () => {
  const customerId = randomUUID();
  const calls = Array.from({ length: 20 }, (_, index) =>
    (index % 2 === 0 ? stack.carts : stack.elsewhere).createCart({ customerId }),
  );
  const carts = (await Promise.all(calls)).map(({ cart }) => there(cart));
  expect(carts.filter(({ isDefault }) => isDefault)).toHaveLength(1);
  expect(new Set(carts.map(({ id }) => id)).size).toBe(20);
});

test("a cart that is made while the default one is being made is not it", async () => {
  const customerId = randomUUID();
  const maker = await meanwhile(stack.pool, (tx) => insertDefaultCart(tx, randomUUID(), customerId));
  const made = stack.carts.createCart({ customerId });
  await untilWaiting(stack.pool, 1);
  await maker.end("commit");
  expect(there((await made).cart).isDefault).toBe(false);
});

test("of two that want to make different carts the default, the last one does", async () => {
  const first = await stack.newCart();
  const { customerId } = first;
  const second = there((await stack.carts.createCart({ customerId })).cart);
  await stack.pool.query("update carts set is_default = false where id = $1", [first.id]);
  // No default: there is nothing that both would lock.
  const holder = await meanwhile(stack.pool, (tx) =>
    tx.query("update carts set is_default = true where id = $1", [first.id]),
  );
  const call = stack.carts.updateCart({ id: second.id, makeDefault: true });
  await untilWaiting(stack.pool, 1);
  await holder.end("commit");
  expect(there((await call).cart).isDefault).toBe(true);
  expect((await get(first.id)).isDefault).toBe(false);
});

test("one id that two customers want at once is one customer's", async () => {
  const id = randomUUID();
  const calls = await Promise.all(
    [stack.carts, stack.elsewhere].map((carts) =>
      carts.createCart({ id, customerId: randomUUID() }).catch((error) => errorInfo(error).reason),
    ),
  );
  expect(calls.filter((outcome) => outcome === "CART_EXISTS")).toHaveLength(1);
});

test("a repeat that comes while the first is under way waits for it and answers the same", async () => {
  const { id, customerId } = await stack.newCart();
  const request = { id, customerId, productId: "tea", quantity: 2, requestId: randomUUID() };
  const holder = await lockMeanwhile(stack.pool, id);
  const first = stack.carts.addCartItem(request);
  await untilWaiting(stack.pool, 1);
  const second = stack.elsewhere.addCartItem(request);
  await untilWaiting(stack.pool, 2);
  await holder.end("rollback");
  expect((await first).cart).toEqual((await second).cart);
  expect(contents(await get(id))).toEqual({ tea: 2 });
});

test("many of the same make one cart", async () => {
  const request = { customerId: randomUUID(), lines: [oneTea], requestId: randomUUID() };
  const calls = Array.from({ length: 20 }, (_, index) =>
    (index % 2 === 0 ? stack.carts : stack.elsewhere).createCart(request),
  );
  const ids = (await Promise.all(calls)).map(({ cart }) => there(cart).id);
  expect(new Set(ids).size).toBe(1);
  expect((await stack.carts.listCarts({ customerId: request.customerId })).carts).toHaveLength(1);
});

test("carts that are put and added to in opposite order do not block each other for ever", async () => {
  const carts = await Promise.all(Array.from({ length: 10 }, () => stack.newCart(oneTea)));
  const puts = Array.from({ length: 5 }, () =>
    stack.elsewhere.batchPutCarts({ items: carts.map(({ id, customerId }) => ({ id, customerId, lines: [oneTea] })) }),
  );
  const adds = carts.toReversed().map(({ id }) => stack.carts.addCartItem({ id, productId: "mug" }));
  await Promise.all([...puts, ...adds]);
  for (const { id } of carts) {
    expect(Number((await get(id)).etag)).toBe(7);
  }
});
