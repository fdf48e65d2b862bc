import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  contents,
  failureOf,
  holdCartLock,
  holdTransaction,
  requireCart,
  startTestCarts,
  type TestCarts,
  untilWaiting,
} from "../testing/test-carts.ts";
import { insertDefaultCart } from "./cart-insert-store.ts";
import { markCheckingOut } from "./cart-store.ts";

// Each race is an interleaving: a transaction holds a lock, calls queue for it in a known order, and it is released.

let stack: TestCarts;
beforeAll(async () => {
  stack = await startTestCarts();
});
afterAll(() => stack[Symbol.asyncDispose]());

const oneTea = { productId: "tea", quantity: 1 };

async function get(id: string) {
  return requireCart((await stack.carts.getCart({ id })).cart);
}

test("concurrent additions in two processes are both made", async () => {
  const { id } = await stack.newCart();
  const holder = await holdCartLock(stack.pool, id);
  const first = stack.carts.addCartItem({ id, productId: "tea", quantity: 2 });
  await untilWaiting(stack.pool, 1);
  const second = stack.elsewhere.addCartItem({ id, productId: "tea", quantity: 3 });
  await untilWaiting(stack.pool, 2);
  await holder.end("rollback");
  expect([contents((await first).cart), contents((await second).cart)]).toEqual([{ tea: 2 }, { tea: 5 }]);
  expect(await get(id)).toEqual((await second).cart);
});

test("fifty concurrent additions to one cart are all made, each with its own version", async () => {
  const { id } = await stack.newCart();
  const adds = Array.from({ length: 50 }, (_, index) => {
    const carts = index % 2 === 0 ? stack.carts : stack.elsewhere;
    return carts.addCartItem({ id, productId: index % 3 === 0 ? "mug" : "tea" });
  });
  const etags = (await Promise.all(adds)).map(({ cart }) => Number(requireCart(cart).etag));
  expect(etags.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 2));
  expect(contents(await get(id))).toEqual({ tea: 33, mug: 17 });
});

test("a refused addition does not affect the others in its batch", async () => {
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

test("replacing lines does not undo a concurrent addition", async () => {
  const { id, etag } = await stack.newCart();
  const holder = await holdCartLock(stack.pool, id);
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

test("an addition is made on top of concurrently replaced lines", async () => {
  const { id, etag } = await stack.newCart(oneTea);
  const holder = await holdCartLock(stack.pool, id);
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
  const checkout = await holdTransaction(stack.pool, (tx) =>
    markCheckingOut(tx, [{ cartId: id, orderId: "the-order" }]),
  );
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

test("a change that waited for a rolled back checkout succeeds", async () => {
  const { id } = await stack.newCart(oneTea);
  const checkout = await holdTransaction(stack.pool, (tx) =>
    markCheckingOut(tx, [{ cartId: id, orderId: "the-order" }]),
  );
  const add = stack.carts.addCartItem({ id, productId: "tea" });
  await untilWaiting(stack.pool, 1);
  await checkout.end("rollback");
  expect(contents((await add).cart)).toEqual({ tea: 2 });
});

test.each(["commit", "rollback"] as const)(
  "a default cart that another call is creating is waited for (%s)",
  async (how) => {
    const customerId = randomUUID();
    const id = randomUUID();
    const maker = await holdTransaction(stack.pool, (tx) => insertDefaultCart(tx, id, customerId));
    const first = stack.carts.getDefaultCart({ customerId });
    const second = stack.elsewhere.getDefaultCart({ customerId });
    await untilWaiting(stack.pool, 2);
    await maker.end(how);
    expect((await first).cart).toEqual((await second).cart);
    expect((await first).cart?.id === id).toBe(how === "commit");
  },
);

test("concurrent requests for the default cart get the same cart", async () => {
  const customerId = randomUUID();
  const calls = Array.from({ length: 40 }, (_, index) =>
    (index % 2 === 0 ? stack.carts : stack.elsewhere).getDefaultCart({ customerId }),
  );
  const ids = (await Promise.all(calls)).map(({ cart }) => requireCart(cart).id);
  expect(new Set(ids).size).toBe(1);
  expect((await stack.carts.listCarts({ customerId })).carts).toHaveLength(1);
});

test("of carts created at once for a new customer, one is the default", async () => {
  const customerId = randomUUID();
  const calls = Array.from({ length: 20 }, (_, index) =>
    (index % 2 === 0 ? stack.carts : stack.elsewhere).createCart({ customerId }),
  );
  const carts = (await Promise.all(calls)).map(({ cart }) => requireCart(cart));
  expect(carts.filter(({ isDefault }) => isDefault)).toHaveLength(1);
  expect(new Set(carts.map(({ id }) => id)).size).toBe(20);
});

test("a cart that is created while the default cart is being created is not the default", async () => {
  const customerId = randomUUID();
  const maker = await holdTransaction(stack.pool, (tx) => insertDefaultCart(tx, randomUUID(), customerId));
  const made = stack.carts.createCart({ customerId });
  await untilWaiting(stack.pool, 1);
  await maker.end("commit");
  expect(requireCart((await made).cart).isDefault).toBe(false);
});

test("of two concurrent changes of the default cart, the last one wins", async () => {
  const first = await stack.newCart();
  const { customerId } = first;
  const second = requireCart((await stack.carts.createCart({ customerId })).cart);
  await stack.pool.query("update carts set is_default = false where id = $1", [first.id]);
  // Without a default cart there is no row that both would lock.
  const holder = await holdTransaction(stack.pool, (tx) =>
    tx.query("update carts set is_default = true where id = $1", [first.id]),
  );
  const call = stack.carts.updateCart({ id: second.id, makeDefault: true });
  await untilWaiting(stack.pool, 1);
  await holder.end("commit");
  expect(requireCart((await call).cart).isDefault).toBe(true);
  expect((await get(first.id)).isDefault).toBe(false);
});

test("a cart id that two customers request at once goes to one of them", async () => {
  const id = randomUUID();
  const calls = await Promise.all(
    [stack.carts, stack.elsewhere].map((carts) =>
      carts.createCart({ id, customerId: randomUUID() }).catch((error) => errorInfo(error).reason),
    ),
  );
  expect(calls.filter((outcome) => outcome === "CART_EXISTS")).toHaveLength(1);
});

test("a repeat during the first request waits for it and gets the same answer", async () => {
  const { id, customerId } = await stack.newCart();
  const request = { id, customerId, productId: "tea", quantity: 2, requestId: randomUUID() };
  const holder = await holdCartLock(stack.pool, id);
  const first = stack.carts.addCartItem(request);
  await untilWaiting(stack.pool, 1);
  const second = stack.elsewhere.addCartItem(request);
  await untilWaiting(stack.pool, 2);
  await holder.end("rollback");
  expect((await first).cart).toEqual((await second).cart);
  expect(contents(await get(id))).toEqual({ tea: 2 });
});

test("many repeats of one request create one cart", async () => {
  const request = { customerId: randomUUID(), lines: [oneTea], requestId: randomUUID() };
  const calls = Array.from({ length: 20 }, (_, index) =>
    (index % 2 === 0 ? stack.carts : stack.elsewhere).createCart(request),
  );
  const ids = (await Promise.all(calls)).map(({ cart }) => requireCart(cart).id);
  expect(new Set(ids).size).toBe(1);
  expect((await stack.carts.listCarts({ customerId: request.customerId })).carts).toHaveLength(1);
});

test("overwriting carts and adding to them in opposite order does not deadlock", async () => {
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
