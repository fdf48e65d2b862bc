import assert from "node:assert/strict";
import { errorInfo } from "@sagacart/chassis/errors";
import { formatMoney } from "@sagacart/chassis/money";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type Cart, Cart_State } from "@sagacart/proto/order/v1/cart";
import { MergeCartsRequest_Strategy as Strategy } from "@sagacart/proto/order/v1/cart_service";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { deleteLastRun, readLastRun, type SavedCart, saveRun } from "./last-run.ts";
import type { Shop } from "./shop.ts";
import type { Story, StoryContext } from "./story.ts";

/**
 * Returns the stories of python-cart's demo: each run creates carts and buys some; the next run finds the others. `reset`
 * deletes the carts of all runs.
 */
export function cartStories({ reset }: { reset: boolean }): readonly Story[] {
  if (reset) {
    return [{ title: "Delete the carts of all runs", run: deleteCarts }];
  }
  const run = { number: 0, created: [] as string[] };
  return [
    { title: "The carts of earlier runs are unchanged", run: (context) => showEarlier(context, run) },
    { title: "Buy some of them; a declined card leaves its cart open", run: buyEarlier },
    { title: "Create, change and name new carts", run: (context) => makeCarts(context, run) },
    { title: "Duplicate a bought cart", run: duplicateBought },
    { title: "A guest fills a cart and signs in", run: (context) => signIn(context, run) },
    { title: "Buy some of the new carts, keep the others", run: (context) => buyNew(context, run) },
  ];
}

/** A run: its number, and the ids of the carts that it created. */
type Run = { number: number; readonly created: string[] };

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

async function showEarlier({ shop, say, stateDirectory }: StoryContext, run: Run): Promise<void> {
  const lastRun = await readLastRun(stateDirectory);
  run.number = lastRun.run + 1;
  say(`this is run ${run.number}`);
  const found = new Map<string, Cart>();
  for (const { id: customerId, name } of shoppers) {
    const [unpurchased, purchased] = [await listAll(shop, customerId, false), await listAll(shop, customerId, true)];
    say(`${name} has ${unpurchased.length} unpurchased and ${purchased.length} purchased carts`);
    for (const cart of unpurchased) {
      say(`  ${describe(cart)}`);
    }
    for (const cart of [...unpurchased, ...purchased]) {
      found.set(cart.id, cart);
    }
  }
  for (const saved of lastRun.carts) {
    const cart = found.get(saved.id);
    assert(cart !== undefined, `cart ${saved.id} of ${saved.customerId} from run ${lastRun.run} is missing`);
    assert.deepEqual(savedCart(cart), saved, `the cart has changed since run ${lastRun.run}: ${describe(cart)}`);
  }
  if (lastRun.carts.length > 0) {
    say(`all ${lastRun.carts.length} are unchanged since run ${lastRun.run}`);
  }
  // An interrupted run leaves no expectations.
  await saveRun(stateDirectory, { run: run.number, carts: [] });
}

async function buyEarlier({ shop, say }: StoryContext): Promise<void> {
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

async function makeCarts({ shop, say }: StoryContext, run: Run): Promise<void> {
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
    run.created.push(cart.id);
    say(`created ${describe(cart)}`);
  }
  const [id = ""] = run.created;
  const whole = [
    { productId: "demo.bread", quantity: 2 },
    { productId: "demo.coffee", quantity: 0 },
    { productId: "demo.kettle", quantity: -1 },
    { productId: "demo.candles", quantity: 3 },
  ];
  const { cart: replaced } = await shop.carts.replaceCartLines({ id, lines: whole });
  assert(replaced !== undefined);
  say(`replaced the lines of the first one by 2 Bread, 0 Coffee, -1 Kettle and 3 Candles: ${describe(replaced)}`);
  assert.deepEqual(contentsOf(replaced), { "demo.bread": 2, "demo.candles": 3 });
  const name = `Ann's party, run ${run.number}`;
  await shop.carts.updateCart({ id, name });
  const { carts } = await shop.carts.listCarts({ customerId: "demo-ann", nameContains: name.toUpperCase() });
  assert.deepEqual(
    carts.map((cart) => cart.id),
    [id],
  );
  say(`renamed it to "${name}" and found it by that name`);
}

async function duplicateBought({ shop, say }: StoryContext): Promise<void> {
  for (const { id: customerId } of shuffled(shoppers)) {
    const [bought] = await listAll(shop, customerId, true);
    if (bought !== undefined) {
      const request = { id: bought.id, customerId, name: `${bought.name}, again`, requestId: uuidv7() };
      const { cart, leftOut } = await shop.carts.duplicateCart(request);
      assert(cart !== undefined);
      assert.deepEqual([contentsOf(cart), leftOut], [contentsOf(bought), []]);
      say(`${describe(cart)}, at current prices`);
      return;
    }
  }
  say("no cart was bought yet");
}

async function signIn({ shop, say }: StoryContext, run: Run): Promise<void> {
  const [id = ""] = run.created;
  const { cart, guestToken } = await shop.guests.createGuestCart({ lines: [{ productId: "demo.bread", quantity: 3 }] });
  assert(cart !== undefined);
  const guests = { id: cart.id, guestToken };
  await shop.guests.addGuestCartItem({ ...guests, productId: "demo.apples", quantity: 4 });
  say("a guest has a cart with 3 Bread and 4 Apples, and its token");
  const stranger = await shop.guests.getGuestCart({ id: cart.id }).catch((error: unknown) => errorInfo(error).reason);
  assert.equal(stranger, "CART_NOT_FOUND");
  say("without the token the response is CART_NOT_FOUND");
  const merge = { sourceId: cart.id, targetId: id, customerId: "demo-ann", guestToken, strategy: Strategy.LARGER };
  const preview = await shop.carts.mergeCarts({ ...merge, preview: true });
  say("the guest signs in as Ann; merging with the larger quantities would give:");
  for (const { title, targetQuantity, sourceQuantity, quantity } of preview.lines) {
    say(`  ${title}: ${targetQuantity} and ${sourceQuantity} give ${quantity}`);
  }
  const expected = { "demo.bread": 3, "demo.candles": 3, "demo.apples": 4 };
  assert.deepEqual(preview.cart && contentsOf(preview.cart), expected);
  const { cart: before } = await shop.carts.getCart({ id });
  assert.deepEqual(before && contentsOf(before), { "demo.bread": 2, "demo.candles": 3 });
  for (const _ of ["first", "repeated"]) {
    const merged = await shop.carts.mergeCarts(merge);
    assert.deepEqual([merged.lines, merged.cart && contentsOf(merged.cart)], [preview.lines, expected]);
  }
  const { cart: gone } = await shop.guests.getGuestCart(guests);
  assert.deepEqual([gone?.state, gone?.mergedInto], [Cart_State.MERGED, id]);
  say("merged; the repeated request had no further effect; the guest's cart is closed");
}

async function buyNew({ shop, say, stateDirectory }: StoryContext, run: Run): Promise<void> {
  const [kept, bought, ...others] = shuffled(run.created);
  for (const id of [bought, ...others.filter(flip)]) {
    const { cart } = await shop.carts.getCart({ id: id ?? "" });
    assert(cart !== undefined);
    await buy(shop, say, cart);
  }
  const carts: SavedCart[] = [];
  for (const { id, name } of shoppers) {
    const [unpurchased, purchased] = [await listAll(shop, id, false), await listAll(shop, id, true)];
    say(`${name} has ${unpurchased.length} unpurchased and ${purchased.length} purchased carts`);
    carts.push(...[...unpurchased, ...purchased].map(savedCart));
  }
  assert(carts.some(({ id, purchased }) => id === kept && !purchased));
  await saveRun(stateDirectory, { run: run.number, carts });
  say("the next run finds them: npm run demo -- carts. To delete them: npm run demo -- carts --reset");
}

async function deleteCarts({ shop, say, stateDirectory, cleanup }: StoryContext): Promise<void> {
  for (const { id: customerId, name } of shoppers) {
    const [unpurchased, purchased] = [await listAll(shop, customerId, false), await listAll(shop, customerId, true)];
    // A purchased cart cannot be deleted, but can be replaced by an empty one with the same id.
    if (purchased.length > 0) {
      await shop.carts.batchPutCarts({ items: purchased.map(({ id }) => ({ id, customerId })) });
    }
    for (const { id } of [...unpurchased, ...purchased]) {
      await shop.carts.deleteCart({ id, customerId });
    }
    assert.deepEqual([await listAll(shop, customerId, false), await listAll(shop, customerId, true)], [[], []]);
    say(`${name} had ${unpurchased.length} unpurchased and ${purchased.length} purchased carts, and now has none`);
  }
  for (const { id } of products) {
    cleanup.product(id);
  }
  await deleteLastRun(stateDirectory);
  say("their orders stay: paid orders are never deleted");
}

async function buy(shop: Shop, say: StoryContext["say"], cart: Cart): Promise<void> {
  const order = await checkOut(shop, cart, "pm_ok");
  assert.equal(order.state, Order_State.COMPLETED, `order ${order.id} did not complete (${order.outcomeReason})`);
  const { cart: after } = await shop.carts.getCart({ id: cart.id });
  assert.deepEqual([after?.state, after?.orderId], [Cart_State.PURCHASED, order.id]);
  say(`bought ${describe(cart)}`);
}

async function refuse(shop: Shop, say: StoryContext["say"], cart: Cart): Promise<void> {
  const order = await checkOut(shop, cart, "pm_declined");
  assert.equal(order.state, Order_State.REJECTED);
  const { cart: after } = await shop.carts.getCart({ id: cart.id });
  assert.deepEqual([after?.state, after?.lastFailureReason], [Cart_State.OPEN, "PAYMENT_DECLINED"]);
  say(`declined ${describe(cart)}: open again, reason ${after?.lastFailureReason}`);
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

function describe({ name, lines, total }: Cart): string {
  const what = lines.map(({ title, quantity }) => `${quantity} ${title}`).join(", ");
  return `"${name}": ${what || "nothing"}${total === undefined ? "" : ` (${formatMoney(total)})`}`;
}

function savedCart(cart: Cart): SavedCart {
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
