import { expect, test } from "vitest";
import { startReceiver } from "./testing/receiver.ts";
import { eventsOf, register, startFeed, startSender, webhookDatabase } from "./testing/shop.ts";

test("the feed knows the position of the webhooks, and a replay delivers only what an endpoint has not had", async () => {
  await using feed = await startFeed();
  await using database = await webhookDatabase();
  await using sender = await startSender({ feed, database });
  await using early = await startReceiver();
  await using late = await startReceiver();
  await register(sender, early);
  await feed.publish(eventsOf(["replayed"], 3));
  await expect.poll(() => early.accepted.length).toBe(3);
  const consumer = async () => (await sender.consumers.getConsumer({ name: "webhooks" })).consumer;
  await expect.poll(async () => (await consumer())?.position).toBe(3n);

  await register(sender, late);
  await sender.consumers.replayConsumer({
    name: "webhooks",
    generation: 0n,
    target: { case: "afterPosition", value: 0n },
    reason: "a new endpoint wants what was",
  });
  await expect.poll(() => late.accepted.length).toBe(3);
  await feed.publish([{ subject: "replayed", sequence: 4, type: "sagacart.order.completed.v1" }]);

  await expect.poll(() => [early.received.length, late.received.length]).toEqual([4, 4]);
  expect(late.accepted.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  await expect.poll(consumer).toMatchObject({ position: 4n, generation: 1n, lagEvents: 0n });
});
