import assert from "node:assert/strict";
import { errorInfo } from "@sagacart/chassis/errors";
import { formatMoney } from "@sagacart/chassis/money";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type Cart, Cart_State } from "@sagacart/proto/order/v1/cart";
import { MergeCartsRequest_Strategy as Strategy } from "@sagacart/proto/order/v1/cart_service";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { forget, type LeftCart, recall, remember } from "./cart-memory.ts";
import type { Shop } from "./shop.ts";
import type { Story, Teller } from "./stories.ts";

/**
 * The demo of python-cart: each run makes carts and buys some, and the others are there the next time. `reset`
 * empties what the runs so far have left.
 */
export function cartStories({ reset }: { reset: boolean }): readonly Story[] {
  if (reset) {
    return [{ title: "The carts of all runs are emptied", tell: emptyCarts }];
  }
  const run = { number: 0, made: [] as string[] };
  return [
    { title: "The carts of earlier runs are still there", tell: (teller) => showEarlier(teller, run) },
    { title: "Some of them are bought; a declined card leaves its cart open", tell: buyEarlier },
    { title: "New carts are made, changed and named", tell: (teller) => makeCarts(teller, run) },
    { title: "A cart that was bought is made once more", tell: duplicateBought },
    { title: "A guest fills a cart, and signs in", tell: (teller) => signIn(teller, run) },
    { title: "Some of the new ones are bought, the others stay", tell: (teller) => buyNew(teller, run) },
  ];
}

/** What one run is about: its number, and the carts that it made. */
type Run = { number: number; readonly made: string[] };

const shoppers = [
  { id: "demo-ann", name: "Ann" },
  { id: "demo-ben", name: "Ben" },
  { id: "demo-cleo", name: "Cleo" },
];
const products = [
  { id: "demo.apples", title: "Apples", cents: 249n },
  { id: "demo.bread", title: "Bread", cents: 399n },
  { id: "demo.coffee", title: "Coffee", cents: 1_150n },
  { id: "demo.candles", title: "Candles", cents: 875n },
  { id: "demo.kettle", title: "Kettle", cents: 4_900n },
];
const timeoutMs = 60_000;

async function showEarlier({ shop, say, stateDirectory }: Teller, run: Run): Promise<void> {
  const memory = await recall(stateDirectory);
  run.number = memory.run + 1;
  say(`this is run ${run.number}`);
  const found = new Map<string, Cart>();
  for (const { id: customerId, name } of shoppers) {
    const [unpurchased, purchased] = [await listAll(shop, customerId, false), await listAll(shop, customerId, true)];
    say(`${name} has ${unpurchased.length} carts that are not purchased, and purchased ${purchased.length} so far`);
    for (const cart of unpurchased) {
      say(`  ${shown(cart)}`);
    }
    for (const cart of [...unpurchased, ...purchased]) {
      found.set(cart.id, cart);
    }
  }
  for (const left of memory.carts) {
    const cart = found.get(left.id);
    assert(cart !== undefined, `cart ${left.id} of ${left.customerId} was there after run ${memory.run} and is gone`);
    assert.deepEqual(leftCart(cart), left, `run ${memory.run} left it otherwise: ${shown(cart)}`);
  }
  if (memory.carts.length > 0) {
    say(`each of the ${memory.carts.length} is as run ${memory.run} left it`);
  }
  // Until the end of this run nothing is certain of them.
  await remember(stateDirectory, { run: run.number, carts: [] });
}

async function buyEarlier({ shop, say }: Teller): Promise<void> {
  const [declined, bought, ...others] = shuffled((await allUnpurchased(shop)).filter(({ lines }) => lines.length > 0));
  if (declined === undefined) {
    say("there are none yet");
    return;
  }
  await refuse(shop, say, declined);
  for (const cart of [bought, ...others.filter(flip)].slice(0, 3)) {
    if (cart !== undefined) {
      await buy(shop, say, cart);
    }
  }
}

async function makeCarts({ shop, say }: Teller, run: Run): Promise<void> {
  const items = products.map(({ cents, ...product }) => {
    return { product: { ...product, price: { currencyCode: "USD", minorUnits: cents } }, onHand: 10_000 };
  });
  await shop.products.batchPutProducts({ items });
  for (const { id: customerId, name } of shoppers) {
    const lines = shuffled(products)
      .slice(0, 2 + Math.floor(Math.random() * 2))
      .map(({ id }) => ({ productId: id, quantity: 1 + Math.floor(Math.random() * 4) }));
    const { cart } = await shop.carts.createCart({ customerId, name: `${name}'s list, run ${run.number}`, lines });
    assert(cart !== undefined);
    run.made.push(cart.id);
    say(`made ${shown(cart)}`);
  }
  const [id = ""] = run.made;
  const whole = [
    { productId: "demo.bread", quantity: 2 },
    { productId: "demo.coffee", quantity: 0 },
    { productId: "demo.kettle", quantity: -1 },
    { productId: "demo.candles", quantity: 3 },
  ];
  const { cart: replaced } = await shop.carts.replaceCartLines({ id, lines: whole });
  assert(replaced !== undefined);
  say(`the first one is replaced by 2 Bread, 0 Coffee, -1 Kettle and 3 Candles: ${shown(replaced)}`);
  assert.deepEqual(contentsOf(replaced), { "demo.bread": 2, "demo.candles": 3 });
  const name = `Ann's party, run ${run.number}`;
  await shop.carts.updateCart({ id, name });
  const { carts } = await shop.carts.listCarts({ customerId: "demo-ann", nameContains: name.toUpperCase() });
  assert.deepEqual(
    carts.map((cart) => cart.id),
    [id],
  );
  say(`it is called "${name}" now, and found by that name`);
}

async function duplicateBought({ shop, say }: Teller): Promise<void> {
  for (const { id: customerId } of shuffled(shoppers)) {
    const [bought] = await listAll(shop, customerId, true);
    if (bought !== undefined) {
      const request = { id: bought.id, customerId, name: `${bought.name}, again`, requestId: uuidv7() };
      const { cart, leftOut } = await shop.carts.duplicateCart(request);
      assert(cart !== undefined);
      assert.deepEqual([contentsOf(cart), leftOut], [contentsOf(bought), []]);
      say(`${shown(cart)}, at the prices of now`);
      return;
    }
  }
  say("none was bought yet");
}

async function signIn({ shop, say }: Teller, run: Run): Promise<void> {
  const [id = ""] = run.made;
  const { cart, guestToken } = await shop.guests.createGuestCart({ lines: [{ productId: "demo.bread", quantity: 3 }] });
  assert(cart !== undefined);
  const guests = { id: cart.id, guestToken };
  await shop.guests.addGuestCartItem({ ...guests, productId: "demo.apples", quantity: 4 });
  say("a guest has 3 Bread and 4 Apples in a cart that a token opens");
  const stranger = await shop.guests.getGuestCart({ id: cart.id }).catch((error: unknown) => errorInfo(error).reason);
  assert.equal(stranger, "CART_NOT_FOUND");
  say("without the token it is CART_NOT_FOUND");
  const merge = { sourceId: cart.id, targetId: id, customerId: "demo-ann", guestToken, strategy: Strategy.LARGER };
  const preview = await shop.carts.mergeCarts({ ...merge, preview: true });
  say("the guest is Ann, and keeping the larger of what both carts have would do this:");
  for (const { title, targetQuantity, sourceQuantity, quantity } of preview.lines) {
    say(`  ${title}: ${targetQuantity} and ${sourceQuantity} make ${quantity}`);
  }
  const expected = { "demo.bread": 3, "demo.candles": 3, "demo.apples": 4 };
  assert.deepEqual(preview.cart && contentsOf(preview.cart), expected);
  const { cart: before } = await shop.carts.getCart({ id });
  assert.deepEqual(before && contentsOf(before), { "demo.bread": 2, "demo.candles": 3 });
  for (const _ of ["once", "again"]) {
    const merged = await shop.carts.mergeCarts(merge);
    assert.deepEqual([merged.lines, merged.cart && contentsOf(merged.cart)], [preview.lines, expected]);
  }
  const { cart: gone } = await shop.guests.getGuestCart(guests);
  assert.deepEqual([gone?.state, gone?.mergedInto], [Cart_State.MERGED, id]);
  say("it is merged, asked for twice and done once; the guest's cart is closed");
}

async function buyNew({ shop, say, stateDirectory }: Teller, run: Run): Promise<void> {
  const [kept, bought, ...others] = shuffled(run.made);
  for (const id of [bought, ...others.filter(flip)]) {
    const { cart } = await shop.carts.getCart({ id: id ?? "" });
    assert(cart !== undefined);
    await buy(shop, say, cart);
  }
  const carts: LeftCart[] = [];
  for (const { id, name } of shoppers) {
    const [unpurchased, purchased] = [await listAll(shop, id, false), await listAll(shop, id, true)];
    say(`${name} has ${unpurchased.length} that are not purchased, and ${purchased.length} that are`);
    carts.push(...[...unpurchased, ...purchased].map(leftCart));
  }
  assert(carts.some(({ id, purchased }) => id === kept && !purchased));
  await remember(stateDirectory, { run: run.number, carts });
  say("they are there the next time: npm run demo -- carts. To empty them: npm run demo -- carts --reset");
}

async function emptyCarts({ shop, say, stateDirectory }: Teller): Promise<void> {
  for (const { id: customerId, name } of shoppers) {
    const [unpurchased, purchased] = [await listAll(shop, customerId, false), await listAll(shop, customerId, true)];
    // What was bought cannot be thrown away, but replaced by an empty cart of the same id.
    if (purchased.length > 0) {
      await shop.carts.batchPutCarts({ items: purchased.map(({ id }) => ({ id, customerId })) });
    }
    for (const { id } of [...unpurchased, ...purchased]) {
      await shop.carts.deleteCart({ id, customerId });
    }
    assert.deepEqual([await listAll(shop, customerId, false), await listAll(shop, customerId, true)], [[], []]);
    say(`${name} had ${unpurchased.length} carts and ${purchased.length} purchased ones, and has none now`);
  }
  await forget(stateDirectory);
  say("the orders that were made of them stay: what was paid for is never forgotten");
}

async function buy(shop: Shop, say: Teller["say"], cart: Cart): Promise<void> {
  const order = await checkOut(shop, cart, "pm_ok");
  assert.equal(order.state, Order_State.COMPLETED, `order ${order.id} did not complete (${order.outcomeReason})`);
  const { cart: after } = await shop.carts.getCart({ id: cart.id });
  assert.deepEqual([after?.state, after?.orderId], [Cart_State.PURCHASED, order.id]);
  say(`bought ${shown(cart)}`);
}

async function refuse(shop: Shop, say: Teller["say"], cart: Cart): Promise<void> {
  const order = await checkOut(shop, cart, "pm_declined");
  assert.equal(order.state, Order_State.REJECTED);
  const { cart: after } = await shop.carts.getCart({ id: cart.id });
  assert.deepEqual([after?.state, after?.lastFailureReason], [Cart_State.OPEN, "PAYMENT_DECLINED"]);
  say(`declined ${shown(cart)}: it is open again, because of ${after?.lastFailureReason}`);
}

async function checkOut(shop: Shop, { id: cartId, customerId }: Cart, paymentMethod: string): Promise<Order> {
  const { order } = await shop.orders.checkout(
    { customerId, cartId, paymentMethod, requestId: uuidv7() },
    { timeoutMs },
  );
  assert(order !== undefined);
  return order;
}

async function listAll(shop: Shop, customerId: string, purchased: boolean): Promise<Cart[]> {
  const states = purchased ? [Cart_State.PURCHASED] : [];
  const all: Cart[] = [];
  for (let pageToken = ""; ; ) {
    const { carts, nextPageToken } = await shop.carts.listCarts({ customerId, states, pageToken, pageSize: 200 });
    all.push(...carts);
    if (nextPageToken === "") {
      return all;
    }
    pageToken = nextPageToken;
  }
}

async function allUnpurchased(shop: Shop): Promise<Cart[]> {
  const lists = await Promise.all(shoppers.map(({ id }) => listAll(shop, id, false)));
  return lists.flat();
}

function shown({ name, lines, total }: Cart): string {
  const what = lines.map(({ title, quantity }) => `${quantity} ${title}`).join(", ");
  return `"${name}": ${what || "nothing"}${total === undefined ? "" : ` (${formatMoney(total)})`}`;
}

function leftCart(cart: Cart): LeftCart {
  const { id, customerId, state } = cart;
  return { id, customerId, purchased: state === Cart_State.PURCHASED, contents: contentsOf(cart) };
}

function contentsOf({ lines }: Cart): Record<string, number> {
  return Object.fromEntries(lines.map(({ productId, quantity }) => [productId, quantity]));
}

function flip(): boolean {
  return Math.random() < 0.5;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
