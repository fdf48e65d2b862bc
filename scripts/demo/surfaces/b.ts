import assert from "node:assert/strict";
import { Shipment_State } from "@sagacart/proto/shipping/v1/shipment";
import { until } from "../../until.ts";
import type { Story } from "../story.ts";
import { createAsk } from "./rest.ts";

/** Runs the commands of the Wippy shop's README in order. */
export const wippy: Story = {
  title: "B: the Wippy shop, a cart for each user",
  async run({ shop, origin, say, cleanup }) {
    const ask = createAsk(origin, say);
    // A new name, so that the story can be repeated.
    const alice = `alice-${Date.now().toString(36)}`;
    const email = `${alice}@example.com`;
    cleanup.customer(alice);
    cleanup.carts(alice);
    await shop.notifier.putContact({ customerId: alice, email, name: "Alice" });
    for (const { productId, quantity } of bought) {
      await ask(`POST /stock/add/${productId}/${quantity}`);
      cleanup.stock(productId, quantity);
    }

    const { products } = await ask("GET /api/products");
    const named = products.map(({ id, sku, price }: { id: string; sku: string; price: number }) => [id, sku, price]);
    for (const expected of [
      ["app:product.laptop", "LAPTOP-001", 1499.99],
      ["app:product.keyboard", "KB-002", 149.99],
      ["app:product.mouse", "MOUSE-003", 79.99],
      ["app:product.monitor", "MON-004", 599.99],
      ["app:product.headphones", "HP-005", 299.99],
    ]) {
      assert(
        named.some((product: unknown[]) => product.join() === expected.join()),
        `${expected} is not in the catalogue`,
      );
    }

    await ask(`POST /api/cart/${alice}/items`, { body: { sku: "LAPTOP-001" } });
    await ask(`POST /api/cart/${alice}/items`, { body: { sku: "KB-002", quantity: 2 } });
    const items = [
      { sku: "LAPTOP-001", title: "Laptop Pro 16", price: 1499.99, quantity: 1 },
      { sku: "KB-002", title: "Mechanical Keyboard", price: 149.99, quantity: 2 },
    ];
    assert.deepEqual(await ask(`GET /api/cart/${alice}`), { user_id: alice, items, total: 1799.97 });

    const { status, order } = await ask(`POST /api/cart/${alice}/checkout`);
    assert.deepEqual([status, order.user_id, order.items, order.total], ["checked_out", alice, items, 1799.97]);
    assert(Number.isInteger(order.timestamp));
    for (const { productId, quantity } of bought) {
      cleanup.stock(productId, -quantity);
    }

    const { shipment } = await shop.shipping.getShipment({ orderId: order.id });
    say(`DELIVERY: shipment ${shipment?.trackingNumber || "for pickup"} of order ${order.id}`);
    assert.equal(shipment?.state, Shipment_State.ACCEPTED);
    const mail = await until(
      "the mail",
      async () => (await shop.mailbox.listMailboxMessages({ to: email })).messages[0],
    );
    say(`EMAIL: "${mail.subject}" to ${email}`);

    say("The cart is gone:");
    const after = await ask(`GET /api/cart/${alice}`);
    assert.deepEqual([after.items, after.total], [[], 0]);
    await ask(`POST /api/cart/${alice}/checkout`, { status: 400 });
    await ask(`POST /api/cart/${alice}/items`, { body: { sku: "NOTHING-000" }, status: 404 });
    await ask(`POST /api/cart/${alice}/items`, { body: { quantity: 1 }, status: 400 });
  },
};

/** The lines that the story buys. The stock is raised by them first, so that it is there. */
const bought = [
  { productId: "product.laptop", quantity: 1 },
  { productId: "product.keyboard", quantity: 2 },
];
