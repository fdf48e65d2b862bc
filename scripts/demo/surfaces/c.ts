import assert from "node:assert/strict";
import { until } from "../../until.ts";
import type { Story } from "../story.ts";
import { type Ask, type Body, createAsk } from "./rest.ts";

/** Runs the sequences of the Flask services' README: place, pay and cancel an order, with the events of their queue. */
export const flask: Story = {
  title: "C: the Flask services, whose orders are placed first and paid or cancelled later",
  async run({ origin, say, cleanup }) {
    const ask = createAsk(origin, say);
    await ask("GET /api/v1/products", { status: 401 });
    const admin = await signIn(ask, "admin", "admin123");
    const username = `ida-${Date.now().toString(36)}`;
    const password = "p@ssw0rd";
    const user = { username, email: `${username}@example.com`, password };
    const { id: userId } = await ask("POST /api/v1/users", { body: user, headers: admin, status: 201 });
    cleanup.user(userId);
    const ida = await signIn(ask, username, password);
    await ask(`POST /api/v1/users/${userId}/addresses`, { body: home, headers: ida, status: 201 });
    const product = { name: "Laptop", description: "Thin", price: 1200, stock: 5 };
    const { id: productId } = await ask("POST /api/v1/products", { body: product, headers: admin, status: 201 });
    cleanup.product(productId);
    const expectStock = (stock: number) => checkStock(ask, ida, productId, stock);
    await expectStock(5);
    const feed = await feedFrom(ask, admin);

    say("Place an order: checks user and product, reserves stock, sends an event.");
    const order = { userId, items: [{ productId, quantity: 2 }] };
    const keyed = { ...ida, "idempotency-key": `demo-${crypto.randomUUID()}` };
    const first = await ask("POST /api/v1/orders", { body: order, headers: keyed, status: 201 });
    assert.equal(first.status, "PENDING");
    await expectStock(3);
    say("The same idempotency key returns the same order; with another body it is refused:");
    assert.deepEqual(await ask("POST /api/v1/orders", { body: order, headers: keyed }), first);
    const other = { userId, items: [{ productId, quantity: 1 }] };
    await ask("POST /api/v1/orders", { body: other, headers: keyed, status: 422 });
    await expectStock(3);
    const details = await ask(`GET /api/v1/orders/${first.id}/details`, { headers: ida });
    assert.deepEqual([details.total_amount, details.user.username], [2400, username]);

    say("Pay it: PENDING becomes PAID, a repeat returns 200, and it can no longer be cancelled.");
    const paid = { id: first.id, status: "PAID" };
    assert.deepEqual(await ask(`POST /api/v1/orders/${first.id}/pay`, { headers: ida }), paid);
    assert.deepEqual(await ask(`POST /api/v1/orders/${first.id}/pay`, { headers: ida }), paid);
    await ask(`POST /api/v1/orders/${first.id}/cancel`, { headers: ida, status: 409 });

    say("Cancel another: the stock is released, a repeat returns 200, and it can no longer be paid.");
    const second = await ask("POST /api/v1/orders", { body: order, headers: ida, status: 201 });
    await expectStock(1);
    const cancelled = { id: second.id, status: "CANCELLED" };
    assert.deepEqual(await ask(`POST /api/v1/orders/${second.id}/cancel`, { headers: ida }), cancelled);
    assert.deepEqual(await ask(`POST /api/v1/orders/${second.id}/cancel`, { headers: ida }), cancelled);
    await ask(`POST /api/v1/orders/${second.id}/pay`, { headers: ida, status: 409 });
    await expectStock(3);

    say("Missing stock is not sold, and another user's order is not found:");
    const tooMany = { userId, items: [{ productId, quantity: 4 }] };
    await ask("POST /api/v1/orders", { body: tooMany, headers: ida, status: 400 });
    const bob = await signIn(ask, "bob", "bob12345");
    await ask(`GET /api/v1/orders/${first.id}`, { headers: bob, status: 404 });

    say("The queue's events, from the feed:");
    await feed.expect(say, first.id, ["order_created", "order_paid"]);
    await feed.expect(say, second.id, ["order_created", "order_cancelled"]);
  },
};

const home = { line1: "1 Main St", city: "NYC", state: "NY", postal_code: "10001", country: "US", is_default: true };

type Headers = { readonly authorization: string };

async function signIn(ask: Ask, username: string, password: string): Promise<Headers> {
  const { token } = await ask("POST /api/v1/login", { body: { username, password } });
  return { authorization: `Bearer ${token}` };
}

async function checkStock(ask: Ask, headers: Headers, productId: string, expected: number): Promise<void> {
  const { price, stock } = await ask(`GET /api/v1/products/${productId}`, { headers });
  assert.deepEqual([price, stock], ["1200.00", expected]);
}

/** Reads the feed from its current position. */
async function feedFrom(ask: Ask, headers: Headers) {
  // The notifier's position is at the feed's end, or shortly before.
  const { position } = await ask("GET /v1/notifier/progress", { headers });
  const types = [...queueNames.keys()].map((type) => `&types=${type}`).join("");
  const namesOf = async (orderId: string): Promise<string[]> => {
    const { events } = await ask(`GET /v1/events?afterPosition=${position}&pageSize=1000${types}`, { headers });
    return events
      .filter(({ subject }: Body) => subject === orderId)
      .map(({ type }: { type: string }) => queueNames.get(type));
  };
  return {
    async expect(say: (line: string) => void, orderId: string, expected: readonly string[]): Promise<void> {
      const names = await until("the events of the order", async () => {
        const found = await namesOf(orderId);
        return found.length >= expected.length ? found : undefined;
      });
      say(`order ${orderId}: ${names.join(", ")}`);
      assert.deepEqual(names, expected);
    },
  };
}

/** The names of the events in the queue of the Flask services. */
const queueNames = new Map([
  ["sagacart.order.awaiting_payment.v1", "order_created"],
  ["sagacart.order.paid.v1", "order_paid"],
  ["sagacart.order.cancelled.v1", "order_cancelled"],
]);
