import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  contents,
  failureOf,
  json,
  quote,
  requireCart,
  startTestCarts,
  type TestCarts,
  violationsOf,
} from "../testing/test-carts.ts";

let stack: TestCarts;
beforeAll(async () => {
  stack = await startTestCarts();
});
afterAll(() => stack[Symbol.asyncDispose]());

const oneTea = { productId: "tea", quantity: 1 };
const oneMug = { productId: "mug", quantity: 1 };

/** All calls that change a cart, each with a difference. */
const changes: [string, (asked: { id: string; customerId?: string; etag?: string }) => Promise<unknown>][] = [
  ["UpdateCart", (asked) => stack.carts.updateCart({ ...asked, name: "renamed" })],
  ["ReplaceCartLines", (asked) => stack.carts.replaceCartLines({ ...asked, lines: [oneMug] })],
  ["AddCartItem", (asked) => stack.carts.addCartItem({ ...asked, productId: "mug" })],
  ["AddCartItem once", (asked) => stack.carts.addCartItem({ ...asked, productId: "mug", requestId: randomUUID() })],
  ["RemoveCartItem", (asked) => stack.carts.removeCartItem({ ...asked, productId: "tea" })],
  ["DeleteCart", (asked) => stack.carts.deleteCart(asked)],
];

test("a cart has the requested lines at current prices", async () => {
  const { cart } = await stack.carts.createCart({
    id: "shown",
    customerId: "shown-customer",
    name: "Für's Büro – 茶 🍵",
    lines: [
      { productId: "tea", quantity: 3 },
      { productId: "mug", quantity: 2 },
    ],
  });
  expect(json(cart)).toEqual({
    id: "shown",
    customerId: "shown-customer",
    name: "Für's Büro – 茶 🍵",
    state: "STATE_OPEN",
    isDefault: true,
    lines: [
      {
        productId: "tea",
        sku: "SKU-tea",
        title: "Tea",
        quantity: 3,
        unitPrice: { currencyCode: "EUR", minorUnits: "450" },
      },
      {
        productId: "mug",
        sku: "SKU-mug",
        title: "Mug",
        quantity: 2,
        unitPrice: { currencyCode: "EUR", minorUnits: "1299" },
      },
    ],
    total: { currencyCode: "EUR", minorUnits: "3948" },
    etag: "1",
  });
  const got = await stack.carts.getCart({ id: "shown", customerId: "shown-customer" });
  expect(got.cart).toEqual(cart);
});

test("a cart without an id gets one, and an empty cart has no total", async () => {
  const { cart } = await stack.carts.createCart({ customerId: randomUUID() });
  expect(requireCart(cart).id).toMatch(/^[0-9a-f-]{36}$/);
  expect(requireCart(cart).total).toBeUndefined();
});

test("only a customer's first open cart is the default", async () => {
  const customerId = randomUUID();
  const first = await stack.carts.createCart({ customerId });
  const second = await stack.carts.createCart({ customerId });
  expect([first.cart?.isDefault, second.cart?.isDefault]).toEqual([true, false]);
});

test("after all carts are bought or deleted, the next one becomes the default", async () => {
  const bought = await stack.newCart();
  await stack.bringTo("PURCHASED", bought.id);
  const { cart } = await stack.carts.createCart({ customerId: bought.customerId });
  expect(requireCart(cart).isDefault).toBe(true);
});

test("a taken id is refused, for any customer and in any state", async () => {
  const { id, customerId } = await stack.newCart(oneTea);
  const expected = { code: Code.AlreadyExists, reason: "CART_EXISTS", metadata: { cart_id: id } };
  expect(await failureOf(stack.carts.createCart({ id, customerId, lines: [oneTea] }))).toEqual(expected);
  expect(await failureOf(stack.carts.createCart({ id, customerId: randomUUID() }))).toEqual(expected);
  await stack.carts.deleteCart({ id });
  expect(await failureOf(stack.carts.createCart({ id, customerId }))).toEqual(expected);
});

test("a customer has at most a thousand open carts", async () => {
  const customerId = randomUUID();
  const items = Array.from({ length: 999 }, () => ({ id: randomUUID(), customerId }));
  await stack.carts.batchPutCarts({ items });
  const last = await stack.carts.createCart({ customerId });
  expect(await failureOf(stack.carts.createCart({ customerId }))).toEqual({
    code: Code.FailedPrecondition,
    reason: "CART_LIMIT",
    metadata: { limit: "open_carts", max: "1000", customer_id: customerId },
  });
  await stack.bringTo("PURCHASED", requireCart(last.cart).id);
  expect((await stack.carts.createCart({ customerId })).cart).toBeDefined();
});

test("creating a cart twice with one request id creates one, and the repeat gets it as it is now", async () => {
  const request = { customerId: randomUUID(), name: "once", lines: [oneTea], requestId: "make" };
  const first = await stack.carts.createCart(request);
  await stack.carts.addCartItem({ id: requireCart(first.cart).id, productId: "tea" });
  const second = await stack.carts.createCart(request);
  expect(second.cart?.id).toBe(first.cart?.id);
  expect(contents(second.cart)).toEqual({ tea: 2 });
  expect((await stack.carts.listCarts({ customerId: request.customerId })).carts).toHaveLength(1);
});

test("a request id is valid for one customer and one content only", async () => {
  const request = { customerId: randomUUID(), requestId: "make", lines: [oneTea] };
  const first = await stack.carts.createCart(request);
  const reused = { code: Code.FailedPrecondition, reason: "REQUEST_ID_REUSED", metadata: { request_id: "make" } };
  expect(await failureOf(stack.carts.createCart({ ...request, lines: [oneMug] }))).toEqual(reused);
  const addition = { id: requireCart(first.cart).id, productId: "tea", requestId: "make" };
  expect(await failureOf(stack.carts.addCartItem(addition))).toEqual(reused);
  const others = await stack.carts.createCart({ ...request, customerId: randomUUID() });
  expect(others.cart?.id).not.toBe(first.cart?.id);
});

test("a refused request stays refused when it is repeated, even if it would succeed now", async () => {
  const productId = randomUUID();
  const request = { customerId: randomUUID(), requestId: "make", lines: [{ productId, quantity: 1 }] };
  const failure = await failureOf(stack.carts.createCart(request));
  expect(failure).toEqual({ code: Code.NotFound, reason: "PRODUCT_NOT_FOUND", metadata: { product_id: productId } });
  stack.products.set(productId, quote({ productId }));
  expect(await failureOf(stack.carts.createCart(request))).toEqual(failure);
});

test.each<[string, { productId: string; quantity: number }[], object]>([
  [
    "a product that does not exist",
    [{ productId: "unheard-of", quantity: 1 }],
    { code: Code.NotFound, reason: "PRODUCT_NOT_FOUND", metadata: { product_id: "unheard-of" } },
  ],
  [
    "prices of two currencies",
    [oneTea, { productId: "rice", quantity: 1 }],
    {
      code: Code.FailedPrecondition,
      reason: "CURRENCY_MISMATCH",
      metadata: { product_id: "rice", first: "EUR", second: "JPY" },
    },
  ],
  [
    "a total above 10^15",
    [{ productId: "gold", quantity: 1_001 }],
    {
      code: Code.FailedPrecondition,
      reason: "CART_LIMIT",
      metadata: { limit: "total_minor", max: "1000000000000000" },
    },
  ],
])("%s is refused by each rpc that takes lines, and changes nothing", async (_, lines, expected) => {
  const before = await stack.newCart(oneTea);
  const { id, customerId } = before;
  expect(await failureOf(stack.carts.createCart({ customerId, lines }))).toEqual(expected);
  expect(await failureOf(stack.carts.replaceCartLines({ id, lines }))).toEqual(expected);
  expect(await failureOf(stack.carts.batchPutCarts({ items: [{ id, customerId, lines }] }))).toEqual(expected);
  const { productId = "", quantity = 0 } = lines.at(-1) ?? {};
  expect(await failureOf(stack.carts.addCartItem({ id, productId, quantity }))).toEqual(expected);
  expect(await failureOf(stack.carts.addCartItem({ id, productId, quantity, requestId: "1" }))).toEqual(expected);
  expect((await stack.carts.getCart({ id })).cart).toEqual(before);
  expect((await stack.carts.listCarts({ customerId })).carts).toHaveLength(1);
});

test("an unknown cart and another customer's cart are not found", async () => {
  const { id } = await stack.newCart(oneTea);
  for (const asked of [{ id: "unheard-of" }, { id, customerId: "somebody-else" }]) {
    const expected = { code: Code.NotFound, reason: "CART_NOT_FOUND", metadata: { cart_id: asked.id } };
    expect(await failureOf(stack.carts.getCart(asked))).toEqual(expected);
    for (const [, change] of changes) {
      expect(await failureOf(change(asked))).toEqual(expected);
    }
  }
});

test.each(changes)("%s accepts the cart's current etag only", async (_, change) => {
  const { id, customerId, etag } = await stack.newCart(oneTea);
  expect(await failureOf(change({ id, customerId, etag: "0" }))).toEqual({
    code: Code.Aborted,
    reason: "ETAG_MISMATCH",
    metadata: { cart_id: id, etag },
  });
  await change({ id, customerId, etag });
  expect((await stack.carts.getCart({ id })).cart?.etag).toBe("2");
});

test.each(changes)("%s is refused for a cart that is being checked out", async (_, change) => {
  const { id } = await stack.newCart(oneTea);
  await stack.bringTo("CHECKING_OUT", id);
  const { cart } = await stack.carts.getCart({ id });
  expect(await failureOf(change({ id }))).toEqual({
    code: Code.Aborted,
    reason: "CART_CHECKING_OUT",
    metadata: { cart_id: id, order_id: `order-of-${id}` },
  });
  expect((await stack.carts.getCart({ id })).cart).toEqual(cart);
});

test.each(changes)("%s is refused for a bought cart, with its order", async (_, change) => {
  const { id } = await stack.newCart(oneTea);
  await stack.bringTo("PURCHASED", id);
  const { cart } = await stack.carts.getCart({ id });
  expect(await failureOf(change({ id }))).toEqual({
    code: Code.FailedPrecondition,
    reason: "CART_CLOSED",
    metadata: { cart_id: id, state: "PURCHASED", order_id: `order-of-${id}` },
  });
  expect((await stack.carts.getCart({ id })).cart).toEqual(cart);
});

test.each(changes.filter(([name]) => name !== "DeleteCart"))("%s is refused for a deleted cart", async (_, change) => {
  const { id } = await stack.newCart(oneTea);
  await stack.carts.deleteCart({ id });
  expect(await failureOf(change({ id }))).toEqual({
    code: Code.FailedPrecondition,
    reason: "CART_CLOSED",
    metadata: { cart_id: id, state: "DELETED", order_id: "" },
  });
});

test("a deleted cart can still be read, and deleting it again changes nothing", async () => {
  const { id, etag } = await stack.newCart(oneTea);
  await stack.carts.deleteCart({ id, etag });
  const { cart } = await stack.carts.getCart({ id });
  expect(cart).toMatchObject({ state: Cart_State.DELETED, isDefault: false, etag: "2" });
  await stack.carts.deleteCart({ id, etag });
  expect((await stack.carts.getCart({ id })).cart).toEqual(cart);
});

test("a cart that was reopened by a failed order can be changed", async () => {
  const { id } = await stack.newCart(oneTea);
  await stack.bringTo("OPEN", id);
  expect(contents((await stack.carts.addCartItem({ id, productId: "tea" })).cart)).toEqual({ tea: 2 });
});

test("adding without a quantity adds one, and quantities add up", async () => {
  const { id } = await stack.newCart();
  await stack.carts.addCartItem({ id, productId: "tea" });
  await stack.carts.addCartItem({ id, productId: "mug", quantity: 2 });
  const { cart } = await stack.carts.addCartItem({ id, productId: "tea", quantity: 3 });
  expect(contents(cart)).toEqual({ tea: 4, mug: 2 });
  expect(requireCart(cart).etag).toBe("4");
  expect((await stack.carts.getCart({ id })).cart).toEqual(cart);
});

test.each([
  ["named", true],
  ["left out", false],
])("adding twice with one request id adds once, the customer %s", async (_, named) => {
  const { id, customerId, etag } = await stack.newCart(oneTea);
  const request = { id, ...(named ? { customerId } : {}), productId: "tea", quantity: 2, etag, requestId: "add" };
  const first = await stack.carts.addCartItem(request);
  expect(contents(first.cart)).toEqual({ tea: 3 });
  const second = await stack.carts.addCartItem(request);
  expect(second).toEqual(first);
});

test("a repeated addition is not refused while the cart is being checked out", async () => {
  const { id } = await stack.newCart();
  const request = { id, productId: "tea", requestId: "add" };
  await stack.carts.addCartItem(request);
  await stack.bringTo("CHECKING_OUT", id);
  expect((await stack.carts.addCartItem(request)).cart).toMatchObject({ id, state: Cart_State.CHECKING_OUT });
});

test("an addition that was refused because of a checkout may be repeated with its request id", async () => {
  const { id } = await stack.newCart();
  const request = { id, productId: "tea", requestId: "add" };
  await stack.bringTo("CHECKING_OUT", id);
  expect(await failureOf(stack.carts.addCartItem(request))).toMatchObject({ reason: "CART_CHECKING_OUT" });
  await stack.bringTo("OPEN", id);
  expect(contents((await stack.carts.addCartItem(request)).cart)).toEqual({ tea: 1 });
});

test("an addition that was refused stays refused when it is repeated", async () => {
  const { id } = await stack.newCart({ productId: "tea", quantity: 1_000_000 });
  const request = { id, productId: "tea", requestId: "add" };
  const failure = await failureOf(stack.carts.addCartItem(request));
  expect(failure).toEqual({
    code: Code.FailedPrecondition,
    reason: "CART_LIMIT",
    metadata: { limit: "quantity", max: "1000000", product_id: "tea" },
  });
  await stack.carts.replaceCartLines({ id, lines: [] });
  expect(await failureOf(stack.carts.addCartItem(request))).toEqual(failure);
});

test("replacing replaces all lines and drops those with quantity zero", async () => {
  const { id } = await stack.newCart(oneTea, { productId: "gold", quantity: 5 });
  const { cart } = await stack.carts.replaceCartLines({
    id,
    lines: [
      { productId: "mug", quantity: 2 },
      { productId: "gold", quantity: 0 },
      { productId: "tea", quantity: 7 },
      { productId: "unheard-of", quantity: -1 },
    ],
  });
  expect(requireCart(cart).lines.map(({ productId, quantity }) => [productId, quantity])).toEqual([
    ["mug", 2],
    ["tea", 7],
  ]);
  expect((await stack.carts.getCart({ id })).cart).toEqual(cart);
});

test("replacing with no lines empties a cart, whose currency may change then", async () => {
  const { id } = await stack.newCart(oneTea);
  const { cart } = await stack.carts.replaceCartLines({ id });
  expect(requireCart(cart).lines).toEqual([]);
  const { cart: inYen } = await stack.carts.addCartItem({ id, productId: "rice" });
  expect(json(inYen)).toMatchObject({ total: { currencyCode: "JPY", minorUnits: "900" } });
});

test("removing a product twice changes the cart once", async () => {
  const { id } = await stack.newCart(oneTea, oneMug);
  const first = await stack.carts.removeCartItem({ id, productId: "tea" });
  expect(contents(first.cart)).toEqual({ mug: 1 });
  const second = await stack.carts.removeCartItem({ id, productId: "tea" });
  expect(second).toEqual(first);
  expect((await stack.carts.getCart({ id })).cart).toEqual(first.cart);
});

test("a name can be set and cleared, and nothing else changes", async () => {
  const before = await stack.newCart(oneTea);
  const { cart } = await stack.carts.updateCart({ id: before.id, name: "🎁" });
  expect(json(cart)).toEqual({ ...json(before), name: "🎁", etag: "2" });
  const unnamed = await stack.carts.updateCart({ id: before.id, name: "" });
  expect(json(unnamed.cart)).toEqual({ ...json(before), etag: "3" });
});

test("an update without a difference does not change the cart", async () => {
  const before = await stack.newCart();
  const { cart } = await stack.carts.updateCart({ id: before.id, name: "", makeDefault: true });
  expect(cart).toEqual(before);
});

test("making another cart the default unsets the previous one", async () => {
  const first = await stack.newCart();
  const { customerId } = first;
  const second = requireCart((await stack.carts.createCart({ customerId })).cart);
  const { cart } = await stack.carts.updateCart({ id: second.id, makeDefault: true });
  expect(requireCart(cart).isDefault).toBe(true);
  expect((await stack.carts.getDefaultCart({ customerId })).cart).toEqual(cart);
  expect((await stack.carts.getCart({ id: first.id })).cart).toMatchObject({ isDefault: false, etag: "2" });
});

test("if a cart cannot become the default, the previous one stays the default", async () => {
  const first = await stack.newCart();
  const { customerId } = first;
  const second = requireCart((await stack.carts.createCart({ customerId })).cart);
  const wrongs = [{ etag: "0" }, { customerId: "somebody-else" }];
  for (const wrong of wrongs) {
    const call = stack.carts.updateCart({ id: second.id, makeDefault: true, ...wrong });
    expect((await failureOf(call)).reason).toMatch(/ETAG_MISMATCH|CART_NOT_FOUND/);
  }
  expect((await stack.carts.getDefaultCart({ customerId })).cart).toEqual(first);
});

test("a customer without carts gets an empty default cart, and the same one again", async () => {
  const customerId = randomUUID();
  const first = await stack.carts.getDefaultCart({ customerId });
  expect(json(first.cart)).toEqual({
    id: requireCart(first.cart).id,
    customerId,
    state: "STATE_OPEN",
    isDefault: true,
    etag: "1",
  });
  expect(await stack.carts.getDefaultCart({ customerId })).toEqual(first);
});

test("the default cart stays the default while it is being checked out", async () => {
  const { id, customerId } = await stack.newCart(oneTea);
  await stack.bringTo("CHECKING_OUT", id);
  expect((await stack.carts.getDefaultCart({ customerId })).cart).toMatchObject({ id });
});

test("an item for the default cart goes into the one of now, once for its key, also after that cart was bought", async () => {
  const customerId = randomUUID();
  const asked = { customerId, productId: "tea", quantity: 2, requestId: "tea-1" };
  const added = await Promise.all([1, 2, 3].map(() => stack.carts.addCartItem(asked)));
  const { id } = requireCart(added[0]?.cart);
  expect(added.map(({ cart }) => [cart?.id, contents(cart)])).toEqual(added.map(() => [id, { tea: 2 }]));

  await stack.bringTo("PURCHASED", id);
  expect((await stack.carts.addCartItem(asked)).cart).toMatchObject({ id, state: Cart_State.PURCHASED });
  const next = requireCart((await stack.carts.addCartItem({ customerId, productId: "mug" })).cart);
  expect([next.id === id, contents(next)]).toEqual([false, { mug: 1 }]);
  expect((await failureOf(stack.carts.addCartItem({ ...asked, quantity: 3 }))).reason).toBe("REQUEST_ID_REUSED");
  expect(await violationsOf(stack.carts.addCartItem({ productId: "tea" }))).toHaveLength(1);
});

test.each(["deleted", "bought"])("a default cart that was %s is followed by a new one", async (how) => {
  const { id, customerId } = await stack.newCart(oneTea);
  const kept = requireCart((await stack.carts.createCart({ customerId })).cart);
  await (how === "deleted" ? stack.carts.deleteCart({ id }) : stack.bringTo("PURCHASED", id));
  const { cart } = await stack.carts.getDefaultCart({ customerId });
  expect([id, kept.id]).not.toContain(requireCart(cart).id);
  expect(cart).toMatchObject({ isDefault: true, lines: [] });
});

test("a list has one customer's carts that are open or being checked out, newest first", async () => {
  const { id: open, customerId } = await stack.newCart(oneTea, oneMug);
  const others: string[] = [];
  for (const state of ["CHECKING_OUT", "PURCHASED", "DELETED"] as const) {
    const { id } = requireCart((await stack.carts.createCart({ customerId })).cart);
    await stack.bringTo(state, id);
    others.push(id);
  }
  await stack.newCart();
  const [checkingOut, purchased, deleted] = others;
  const ids = async (...states: Cart_State[]) =>
    (await stack.carts.listCarts({ customerId, states })).carts.map(({ id }) => id);
  expect(await ids()).toEqual([checkingOut, open]);
  expect(await ids(Cart_State.PURCHASED)).toEqual([purchased]);
  expect(await ids(Cart_State.DELETED, Cart_State.PURCHASED)).toEqual([deleted, purchased]);
  const { carts } = await stack.carts.listCarts({ customerId, states: [Cart_State.OPEN] });
  expect(carts).toEqual([(await stack.carts.getCart({ id: open })).cart]);
});

test("a list can be filtered by state and by part of the name, in any case", async () => {
  const customerId = randomUUID();
  for (const name of ["Weekly food", "Für Öma", "100%_food", ""]) {
    await stack.carts.createCart({ customerId, name });
  }
  const names = async (nameContains: string, states: Cart_State[] = []) =>
    (await stack.carts.listCarts({ customerId, nameContains, states })).carts.map(({ name }) => name);
  expect(await names("FOOD")).toEqual(["100%_food", "Weekly food"]);
  expect(await names("öm")).toEqual(["Für Öma"]);
  expect(await names("%_")).toEqual(["100%_food"]);
  expect(await names("")).toHaveLength(4);
  expect(await names("food", [Cart_State.PURCHASED])).toEqual([]);
});

test("replacing sets the name if one is given, and keeps it otherwise", async () => {
  const { id } = await stack.newCart(oneTea);
  const named = await stack.carts.replaceCartLines({ id, name: "Whole", lines: [oneMug] });
  expect(named.cart).toMatchObject({ name: "Whole", etag: "2" });
  const { cart } = await stack.carts.replaceCartLines({ id, lines: [oneTea] });
  expect([requireCart(cart).name, contents(cart)]).toEqual(["Whole", { tea: 1 }]);
  expect((await stack.carts.replaceCartLines({ id, name: "" })).cart?.name).toBe("");
});

test("pages have each cart once, even if many were created at the same moment", async () => {
  const customerId = randomUUID();
  const items = Array.from({ length: 25 }, () => ({ id: randomUUID(), customerId, lines: [oneTea, oneMug] }));
  await stack.carts.batchPutCarts({ items });
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await stack.carts.listCarts({ customerId, pageSize: 10, pageToken });
    seen.push(...page.carts.map(({ id }) => id));
    ({ nextPageToken: pageToken } = page);
  } while (pageToken !== "");
  expect(seen).toEqual(
    items
      .map(({ id }) => id)
      .sort()
      .reverse(),
  );
});

test("the page with the last cart has no next page", async () => {
  const { customerId } = await stack.newCart();
  const { carts, nextPageToken } = await stack.carts.listCarts({ customerId, pageSize: 1 });
  expect(carts).toHaveLength(1);
  expect(nextPageToken).toBe("");
});

test("a page token holds for the same filter in another order or case", async () => {
  const { customerId } = await stack.newCart();
  for (const name of ["Tea one", "TEA two", "tea three"]) {
    await stack.carts.createCart({ customerId, name });
  }
  const states = [Cart_State.OPEN, Cart_State.DELETED];
  const first = await stack.carts.listCarts({ customerId, states, nameContains: "tea", pageSize: 1 });
  const same = { states: [Cart_State.DELETED, ...states], nameContains: "TEA", pageToken: first.nextPageToken };
  expect((await stack.carts.listCarts({ customerId, ...same })).carts).toHaveLength(2);
});

test("a page token is valid only for its own list", async () => {
  const { customerId } = await stack.newCart();
  await stack.carts.createCart({ customerId });
  const { nextPageToken: pageToken } = await stack.carts.listCarts({ customerId, pageSize: 1 });
  expect((await stack.carts.listCarts({ customerId, pageToken })).carts).toHaveLength(1);
  const bad = { code: Code.InvalidArgument, reason: "BAD_PAGE_TOKEN", metadata: {} };
  const wrongs = [
    { customerId: "somebody-else" },
    { states: [Cart_State.OPEN] },
    { nameContains: "a" },
    { pageToken: "made up" },
  ];
  for (const wrong of wrongs) {
    expect(await failureOf(stack.carts.listCarts({ customerId, pageToken, ...wrong }))).toEqual(bad);
  }
});

test.each<[string, () => Promise<unknown>, string[]]>([
  ["a name with NUL", () => stack.carts.createCart({ customerId: "a", name: "a\0b" }), ["name"]],
  ["a new name with NUL", () => stack.carts.updateCart({ id: "a", name: "\0" }), ["name"]],
  ["an id with NUL", () => stack.carts.getCart({ id: "a\0" }), ["id"]],
  ["a name that is too long", () => stack.carts.createCart({ customerId: "a", name: "🎁".repeat(101) }), ["name"]],
  ["a product named twice", () => stack.carts.createCart({ customerId: "a", lines: [oneTea, oneTea] }), ["lines"]],
  [
    "a line of none in a new cart",
    () => stack.carts.createCart({ customerId: "a", lines: [{ productId: "tea" }] }),
    ["lines[0].quantity"],
  ],
  ["an id that is a path", () => stack.carts.createCart({ id: "..", customerId: "a" }), ["id"]],
])("%s is malformed", async (_, call, fields) => {
  expect(await violationsOf(call())).toEqual(fields);
});

test("a name of a hundred characters may be in any script", async () => {
  const name = "🎁".repeat(100);
  const { cart } = await stack.carts.createCart({ customerId: randomUUID(), name });
  expect(requireCart(cart).name).toBe(name);
});
