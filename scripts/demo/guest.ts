import assert from "node:assert/strict";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { until } from "../until.ts";
import type { StoryContext } from "./story.ts";
import { type Ask, createAsk } from "./surfaces/rest.ts";

/**
 * A guest buys over REST without registering. Later the guest registers with the same email address, proves it, and claims
 * the order.
 */
export async function guestBuysAndClaims({ shop, origin, say, cleanup }: StoryContext): Promise<void> {
  const ask = createAsk(origin, say);
  const email = `guest-${uuidv7()}@example.com`;
  const { product } = await shop.products.createProduct({
    product: { title: "Demo mug", price: { currencyCode: "USD", minorUnits: 1250n } },
    initialOnHand: 5,
  });
  assert(product !== undefined);
  cleanup.product(product.id);
  const lines = [{ productId: product.id, quantity: 2 }];
  const { cart, guestToken } = await ask("POST /v1/guest-carts", { body: { lines } });
  const asGuest = { "guest-token": guestToken };
  const { order } = await ask(`POST /v1/guest-carts/${cart.id}:checkout`, {
    headers: { ...asGuest, "idempotency-key": uuidv7() },
    body: { contactEmail: email, paymentMethod: "pm_ok", expectedTotal: cart.total },
  });
  assert.equal(order.state, "STATE_COMPLETED");
  const mail = await mailTo(shop, email, "Your order");
  say(`mail to the contact address: "${mail.subject}"`);
  await ask(`GET /v1/guest-orders/${order.id}`, { status: 404 });
  await ask(`GET /v1/guest-orders/${order.id}`, { headers: asGuest });

  const password = uuidv7();
  const username = `guest.${uuidv7().slice(-12)}`;
  const registration = { username, email, password };
  const { user } = await ask("POST /v1/users", { headers: { "idempotency-key": uuidv7() }, body: registration });
  cleanup.user(user.id);
  const before = await signIn(ask, username, password);
  // Anybody could have registered with that address.
  await ask(`POST /v1/guest-orders/${order.id}:claim`, { headers: before, body: {}, status: 409 });

  await ask("POST /v1/password-resets", { body: { email } });
  const reset = await mailTo(shop, email, "password");
  const [, token] = /reset-password\?token=([\w-]{43})/.exec(reset.text) ?? [];
  await ask("POST /v1/password-resets:redeem", { body: { token, newPassword: `${password}2` } });
  say("the token from the mail proved that the address is the user's");
  const customer = await signIn(ask, username, `${password}2`);
  for (const _ of ["first", "repeated"]) {
    const claimed = await ask(`POST /v1/guest-orders/${order.id}:claim`, { headers: customer, body: {} });
    assert.equal(claimed.order.guestCustomerId, order.customerId);
  }
  const { orders } = await ask("GET /v1/orders", { headers: customer });
  assert.deepEqual(
    orders.map(({ id }: { id: string }) => id),
    [order.id],
  );
  await ask(`GET /v1/guest-orders/${order.id}`, { headers: asGuest, status: 404 });
  say("the order is the customer's now, and the guest token no longer opens it");
}

async function signIn(ask: Ask, username: string, password: string): Promise<Record<string, string>> {
  const { session } = await ask("POST /v1/sessions", { body: { username, password } });
  return { authorization: `Bearer ${session.accessToken}` };
}

/** Waits for a mail to this address with this text in its subject. */
async function mailTo({ mailbox }: StoryContext["shop"], to: string, subject: string) {
  return await until(`a mail with the subject ${subject}`, async () => {
    const { messages } = await mailbox.listMailboxMessages({ to });
    return messages.find((message) => message.subject.toLowerCase().includes(subject.toLowerCase()));
  });
}
