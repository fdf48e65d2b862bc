import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { startProcess } from "@sagacart/chassis/testing/process";
import { WebhookDelivery_State as State } from "@sagacart/proto/notifier/v1/webhook";
import { WebhookService } from "@sagacart/proto/notifier/v1/webhook_service";
import { expect, test } from "vitest";
import { startReceiver } from "./testing/receiver.ts";
import { eventsOf, quick, register, startFeed, webhookDatabase } from "./testing/shop.ts";

test("a notifier killed with -9 again and again loses no event and keeps the sequence of each order", async () => {
  await using feed = await startFeed();
  await using database = await webhookDatabase();
  await using receiver = await startReceiver();
  const env = {
    DATABASE_URL: database.url,
    ORDER_ADDRESS: feed.address,
    MAILBOX_SMTP_PORT: "0",
    UNSUBSCRIBE_SECRETS: "a-secret-of-32-characters-or-more",
    ...quick,
    // A delivery is sent again after its lease, which is three times as long.
    WEBHOOK_TIMEOUT_MS: "400",
  };
  let notifier = await startNotifier(env);
  const client = () => createServiceClient(WebhookService, openChannel(`127.0.0.1:${notifier.port}`));
  receiver.reply = () => ({ status: Math.random() < 0.8 ? 200 : 500, afterMs: 15 });
  const endpointId = await register({ client: client() }, receiver);
  const orders = Array.from({ length: 30 }, (_, n) => `killed-${n}`);
  const distinct = () => new Set(receiver.accepted.map(({ eventId }) => eventId)).size;

  for (const part of [1, 2, 3]) {
    await feed.publish(eventsOf(orders.slice((part - 1) * 10, part * 10)));
    const before = distinct();
    await expect.poll(distinct, { interval: 5 }).toBeGreaterThan(before + 5);
    await notifier.kill();
    notifier = await startNotifier(env);
  }
  await expect.poll(distinct).toBe(150);
  const pending = async () => (await client().listWebhookDeliveries({ endpointId, state: State.PENDING })).deliveries;
  await expect.poll(async () => (await pending()).length).toBe(0);
  await notifier.kill();

  const idsOf = Map.groupBy(receiver.received, ({ eventId }) => eventId);
  expect([...idsOf.values()].every((requests) => new Set(requests.map(({ id }) => id)).size === 1)).toBe(true);
  for (const order of orders) {
    const sequences = receiver.accepted.filter(({ subject }) => subject === order).map(({ sequence }) => sequence);
    expect([...new Set(sequences)]).toEqual([1, 2, 3, 4, 5]);
  }
});

async function startNotifier(env: Record<string, string>): Promise<{ port: number; kill(): Promise<void> }> {
  const { ready, kill } = await startProcess(new URL("../../main.ts", import.meta.url), env);
  return { port: ready.port ?? 0, kill };
}
