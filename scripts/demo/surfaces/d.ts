import assert from "node:assert/strict";
import { until } from "../../until.ts";
import type { Story, StoryContext } from "../story.ts";
import { type Ask, type Body, createAsk } from "./rest.ts";

const address = {
  recipient: "Dora",
  line1: "1 Main Street",
  city: "Springfield",
  postalCode: "12345",
  countryCode: "US",
};

/** Runs the saga of the Dapr example, its two failures, and manual stock and payment operations. */
export const dapr: Story = {
  title: "D: the Dapr example, create → reserve → pay → ship → complete",
  async run(context) {
    const { origin, say, cleanup } = context;
    const ask = createAsk(origin, say);
    const { customerId, productId } = await prepare(ask, cleanup);
    const order = { customerId, items: [{ productId, quantity: 2 }], address };

    await goodOrder(context, ask, { ...order, contactEmail: `${customerId}@example.com` });
    await hasStock(ask, productId, { onHand: 8, available: 8 });

    say("The payment fails: the stock is released.");
    const declined = await ask("POST /api/orders", { body: { ...order, paymentMethod: "pm_declined" }, status: 201 });
    assert.deepEqual([declined.status, declined.reason], ["CANCELLED", "PAYMENT_DECLINED"]);
    await expectUndone(
      { ask, say },
      declined.id,
      ["DONE", "UNDONE", "FAILED", "NOT_REACHED", "NOT_REACHED"],
      ["stock"],
    );
    await hasStock(ask, productId, { onHand: 8, available: 8 });

    say("The shipment fails: the payment is refunded and the stock released.");
    const nowhere = { ...address, postalCode: "00000" };
    const refused = await ask("POST /api/orders", { body: { ...order, address: nowhere }, status: 201 });
    assert.deepEqual([refused.status, refused.reason], ["CANCELLED", "SHIPMENT_REFUSED"]);
    await expectUndone(
      { ask, say },
      refused.id,
      ["DONE", "UNDONE", "UNDONE", "FAILED", "NOT_REACHED"],
      ["payment", "stock"],
    );
    await hasStock(ask, productId, { onHand: 8, available: 8 });
    assert.equal((await ask(`GET /payment/find_user/${customerId}`)).credit, 9_500);

    await followSlowOrder(context, ask, order);
    await manualOperations(ask, say, customerId, productId);
  },
};

/** Creates a customer with 100.00 and ten of a product at 2.50, over the WDM API. */
async function prepare(ask: Ask, cleanup: StoryContext["cleanup"]): Promise<{ customerId: string; productId: string }> {
  const { user_id: customerId } = await ask("POST /payment/create_user");
  await ask(`POST /payment/add_funds/${customerId}/10000`);
  const { item_id: productId } = await ask("POST /stock/item/create/250");
  cleanup.product(productId);
  await ask(`POST /stock/add/${productId}/10`);
  return { customerId, productId };
}

async function goodOrder(
  { shop, say }: StoryContext,
  ask: Ask,
  body: object & { contactEmail: string },
): Promise<void> {
  const headers = { "idempotency-key": `demo-${crypto.randomUUID()}` };
  const order = await ask("POST /api/orders", { body, headers, status: 201 });
  assert.deepEqual([order.status, order.total], ["COMPLETED", 500]);
  assert.equal((await ask(`GET /api/orders/${order.id}`)).trackingNumber, order.trackingNumber);
  const { steps } = await ask(`GET /api/orders/${order.id}/status`);
  assert.deepEqual(statesOf(steps), ["DONE", "DONE", "DONE", "DONE", "DONE"]);
  say("The same idempotency key returns the same order:");
  assert.equal((await ask("POST /api/orders", { body, headers, status: 201 })).id, order.id);
  const to = body.contactEmail;
  const mail = await until("the mail", async () => (await shop.mailbox.listMailboxMessages({ to })).messages[0]);
  say(`E-mail to ${to}: "${mail.subject}"`);
}

async function expectUndone(
  { ask, say }: Pick<StoryContext, "say"> & { ask: Ask },
  id: string,
  states: string[],
  what: string[],
): Promise<void> {
  const { steps, compensation } = await ask(`GET /api/orders/${id}/status`);
  say(`  ${steps.map(({ name, state }: { name: string; state: string }) => `${name} ${state}`).join(", ")}`);
  say(`  undone: ${compensation.undone.join(", then ")}`);
  assert.deepEqual(statesOf(steps), states);
  assert.deepEqual(compensation, { undone: what, toUndo: [] });
}

/** Follows a saga that a slow card delays. */
async function followSlowOrder({ say, origin }: StoryContext, ask: Ask, order: object): Promise<void> {
  say("A slow card; the status shows each step as it happens:");
  const body = { ...order, paymentMethod: "pm_slow", waitSeconds: 0 };
  const { id } = await ask("POST /api/orders", { body, status: 202 });
  const quietly = createAsk(origin, () => {});
  let last = "";
  const outcome = await until(
    "the order to be final",
    async () => {
      const { status, step, attempt, final } = await quietly(`GET /api/orders/${id}/status`);
      const now = final ? status : `${status}, at "${step}", attempt ${attempt}`;
      if (now !== last) {
        say(`  ${now}`);
      }
      last = now;
      return final ? status : undefined;
    },
    { everyMs: 50 },
  );
  assert.equal(outcome, "COMPLETED");
}

async function manualOperations(
  ask: Ask,
  say: StoryContext["say"],
  customerId: string,
  productId: string,
): Promise<void> {
  say("Manual stock operations:");
  await ask(`POST /api/inventory/${productId}/reserve`, { body: { quantity: 4 } });
  await hasStock(ask, productId, { onHand: 6, available: 2 });
  await ask(`POST /api/inventory/${productId}/reserve`, { body: { quantity: 3 }, status: 409 });
  await ask(`POST /api/inventory/${productId}/release`, { body: { quantity: 4 } });
  await hasStock(ask, productId, { onHand: 6, available: 6 });

  say("Manual payments:");
  const body = { customerId, amount: 600, reference: "a repair" };
  const { id, status } = await ask("POST /api/payments", { body, status: 201 });
  assert.equal(status, "CAPTURED");
  await ask(`POST /api/payments/${id}/refund`, { body: { amount: 100 }, status: 201 });
  const rest = await ask(`POST /api/payments/${id}/refund`, { status: 201 });
  assert.deepEqual([rest.amount, rest.status], [500, "SUCCEEDED"]);
  await ask(`POST /api/payments/${id}/refund`, { body: { amount: 1 }, status: 409 });
}

async function hasStock(ask: Ask, productId: string, expected: { onHand: number; available: number }): Promise<void> {
  const { onHand, available } = await ask(`GET /api/inventory/${productId}`);
  assert.deepEqual({ onHand, available }, expected);
}

function statesOf(steps: Body): string[] {
  return steps.map(({ state }: { state: string }) => state);
}
