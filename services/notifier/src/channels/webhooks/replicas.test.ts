import { expect, test } from "vitest";
import { startReceiver } from "./testing/receiver.ts";
import { eventsOf, register, startFeed, startSender, webhookDatabase } from "./testing/shop.ts";

test("two replicas send each event once, in sequence per order, and one continues without the other", async () => {
  await using feed = await startFeed();
  await using database = await webhookDatabase();
  const env = { WEBHOOK_CONCURRENCY_PER_ENDPOINT: "2" };
  await using first = await startSender({ feed, database, env });
  const second = await startSender({ feed, database, env });
  await using receiver = await startReceiver();
  receiver.reply = () => ({ status: 200, afterMs: 10 });
  await register(first, receiver);
  const orders = Array.from({ length: 20 }, (_, n) => `shared-${n}`);

  await feed.publish(eventsOf(orders));
  await expect.poll(() => receiver.accepted.length).toBe(100);

  // More concurrent requests than one of them may have.
  expect(receiver.mostAtOnce).toBeGreaterThan(2);
  expect(receiver.mostAtOnce).toBeLessThanOrEqual(4);
  const delivered = await Promise.all([first, second].map(countDelivered));
  expect(delivered.every((count) => count > 0)).toBe(true);
  for (const order of orders) {
    const sequences = receiver.received.filter(({ subject }) => subject === order).map(({ sequence }) => sequence);
    expect(sequences).toEqual([1, 2, 3, 4, 5]);
  }
  await second[Symbol.asyncDispose]();
  await feed.publish(eventsOf(["afterwards"]));
  await expect.poll(() => receiver.accepted.length).toBe(105);
});

async function countDelivered({ metrics }: { metrics: { getSingleMetricAsString(name: string): Promise<string> } }) {
  const text = await metrics.getSingleMetricAsString("notifier_webhooks_total");
  return Number(/outcome="delivered".*\} (\d+)/.exec(text)?.[1] ?? 0);
}
