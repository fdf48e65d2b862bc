import assert from "node:assert/strict";
import type { Story } from "../story.ts";
import { type Ask, type Body, createAsk } from "./rest.ts";

/** Runs the nine steps of a python-cart session over /v1, with a failed payment. */
export const pythonCart: Story = {
  title: "E: python-cart, carts that last from session to session",
  async run({ origin, say, cleanup }) {
    const ask = createAsk(origin, say);
    const username = `cleo-${Date.now().toString(36)}`;
    const password = "correct horse battery";
    for (const [productId, raisedBy] of [
      ["product.mouse", 3],
      ["product.headphones", 1],
    ] as const) {
      await ask(`POST /stock/add/${productId}/${raisedBy}`);
      cleanup.stock(productId, raisedBy);
    }

    say("1. The client contacts the controller, which rejects it as unauthenticated.");
    await ask("GET /v1/carts?customerId=me", { status: 401 });

    say("2. The IDP authenticates the client and issues credentials.");
    const { issuer } = await ask("GET /.well-known/openid-configuration");
    assert(issuer.startsWith("http"));
    const person = { username, email: `${username}@example.com`, password };
    const { user } = await ask("POST /v1/users", { body: person, headers: key() });
    cleanup.user(user.id);
    cleanup.carts(user.id);
    const { customerId, headers } = await signIn(ask, username, password);

    say("3. The controller asks the catalogue for its products.");
    const named = "skus=MOUSE-003&skus=HP-005";
    const { products } = await ask(`GET /v1/products:batchGet?${named}`, { headers });
    const prices = new Map(products.map(({ sku, price }: Body) => [sku, price.minorUnits]));
    assert.deepEqual([prices.get("MOUSE-003"), prices.get("HP-005")], ["7999", "29999"]);

    say("4. With the credentials, the cart service lists the unpurchased carts.");
    const carts = (state: string) => cartsOf(ask, headers, customerId, state);
    say("5. There are none yet; the client sees the products.");
    assert.deepEqual(await carts("STATE_OPEN"), []);

    say("6. The client submits updates: two new carts, then a full replacement of one.");
    const desk = await makeCart(ask, headers, { customerId, name: "desk", lines: [line("product.mouse", 1)] });
    const gift = await makeCart(ask, headers, { customerId, name: "gift", lines: [line("product.headphones", 1)] });
    const lines = [line("product.mouse", 2), line("product.headphones", 0)];
    const { cart } = await ask(`PUT /v1/carts/${desk}`, { body: { customerId, lines }, headers });
    assert.deepEqual(contentsOf(cart), { "MOUSE-003": 2 });

    say("7. The carts are saved: the next session finds them.");
    const later = await signIn(ask, username, password);
    assert.deepEqual((await cartsOf(ask, later.headers, customerId, "STATE_OPEN")).sort(), [desk, gift].sort());

    say(
      "8. The client checks out a cart with its payment information, and the card is declined: the cart is open again.",
    );
    const declined = await checkOut(ask, headers, { customerId, cartId: desk, paymentMethod: "pm_declined" });
    assert.deepEqual([declined.state, declined.outcomeReason], ["STATE_REJECTED", "PAYMENT_DECLINED"]);
    const { cart: reopened } = await ask(`GET /v1/carts/${desk}?customerId=${customerId}`, { headers });
    assert.deepEqual([reopened.state, reopened.lastFailureReason], ["STATE_OPEN", "PAYMENT_DECLINED"]);

    say("9. With another card, the cart is purchased and paid.");
    const bought = await checkOut(ask, headers, { customerId, cartId: desk, paymentMethod: "pm_ok" });
    assert.deepEqual([bought.state, bought.total.minorUnits], ["STATE_COMPLETED", "15998"]);
    cleanup.stock("product.mouse", -2);
    assert.deepEqual(await carts("STATE_PURCHASED"), [desk]);
    assert.deepEqual(await carts("STATE_OPEN"), [gift]);
    say("A purchased cart can no longer be changed:");
    await ask(`PUT /v1/carts/${desk}`, { body: { customerId, lines }, headers, status: 409 });
  },
};

type Headers = { readonly authorization: string };

async function signIn(ask: Ask, username: string, password: string): Promise<{ customerId: string; headers: Headers }> {
  const { session } = await ask("POST /v1/sessions", { body: { username, password } });
  return { customerId: session.userId, headers: { authorization: `Bearer ${session.accessToken}` } };
}

async function makeCart(ask: Ask, headers: Headers, body: object): Promise<string> {
  return (await ask("POST /v1/carts", { body, headers: { ...headers, ...key() } })).cart.id;
}

async function checkOut(ask: Ask, headers: Headers, body: object): Promise<Body> {
  const waiting = { ...body, waitFor: "WAIT_FOR_COMPLETED", waitAtMost: "60s" };
  return (await ask("POST /v1/orders", { body: waiting, headers: { ...headers, ...key() } })).order;
}

async function cartsOf(ask: Ask, headers: Headers, customerId: string, state: string): Promise<string[]> {
  const { carts } = await ask(`GET /v1/carts?customerId=${customerId}&states=${state}`, { headers });
  return carts.map(({ id }: { id: string }) => id);
}

function contentsOf(cart: Body): Record<string, number> {
  return Object.fromEntries(cart.lines.map(({ sku, quantity }: Body) => [sku, quantity]));
}

function line(productId: string, quantity: number) {
  return { productId, quantity };
}

/** Returns an idempotency key for one request. */
function key(): { readonly "idempotency-key": string } {
  return { "idempotency-key": `demo-${crypto.randomUUID()}` };
}
