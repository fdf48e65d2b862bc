import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { startProcess } from "@sagacart/chassis/testing/process";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { startWebhookEntrance } from "@sagacart/provider/testing/webhook-entrance";
import { expect, test } from "vitest";
import { addressTo, shippingEnv, startTestCarrier } from "./testing/stack.ts";

test("a process that is killed between asking the carrier and its answer leaves one shipment, and it settles", async () => {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await testDatabase(new URL("../migrations/", import.meta.url)));
  const webhooks = stack.use(await startWebhookEntrance("carrier"));
  const carrier = stack.use(await startTestCarrier(webhooks.url));
  const env = shippingEnv({ databaseUrl: database.url, carrierUrl: carrier.url });
  // Slow, late and at once; and more than the carrier is asked for at a time, so that some were not their turn.
  const postalCodes = ["00002", "00001", "00003", "10115"];
  const items = Array.from({ length: 40 }, (_, index) => ({
    orderId: `killed-${index}`,
    customerId: "customer-1",
    address: addressTo(postalCodes[index % postalCodes.length]!),
  }));

  const first = await start({ ...env, CARRIER_CONCURRENCY: "20" });
  stack.defer(first.kill);
  const unanswered = first.shipping.batchCreateShipments({ items }).catch(() => "unanswered");
  await expect.poll(async () => (await carrier.list()).length, { interval: 5 }).toBeGreaterThanOrEqual(4);
  await first.kill();
  await unanswered;
  const open = () => database.pool.query("select order_id from shipments where state = 'PENDING'");
  expect((await open()).rowCount).toBeGreaterThan(0);

  // What its calls were leased for is over at once, instead of after their timeout.
  await database.pool.query("update shipments set ask_time = now() where state = 'PENDING'");
  const second = await start(env);
  stack.defer(second.kill);
  webhooks.open(second.shipping);
  await expect.poll(async () => (await open()).rowCount).toBe(0);
  const { outcomes } = await second.shipping.batchCreateShipments({ items });
  expect(outcomes.map(({ outcome }) => outcome.case)).toEqual(items.map(() => "accepted"));
  const taken = await carrier.list();
  expect(taken.map(({ key }) => key).sort()).toEqual(items.map(({ orderId }) => orderId).sort());
  expect(taken.every(({ status }) => status === "accepted")).toBe(true);
  const events = await database.pool.query("select subject from events");
  expect(events.rowCount).toBe(items.length);
});

async function start(env: Record<string, string>) {
  const { ready, kill } = await startProcess(new URL("main.ts", import.meta.url), env);
  const channel = openChannel(`127.0.0.1:${ready.port}`);
  return {
    shipping: createServiceClient(ShippingService, channel),
    async kill() {
      channel.close();
      await kill();
    },
  };
}
