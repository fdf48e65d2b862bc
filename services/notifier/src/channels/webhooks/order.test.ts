import type { TestDatabase } from "@sagacart/chassis/testing/database";
import {
  WebhookEndpoint_Circuit as Circuit,
  WebhookDelivery_State as State,
} from "@sagacart/proto/notifier/v1/webhook";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Received, startReceiver } from "./testing/receiver.ts";
import { eventsOf, type Feed, register, type Sender, startFeed, startSender, webhookDatabase } from "./testing/shop.ts";

const stack = new AsyncDisposableStack();
let feed: Feed;
let database: TestDatabase;
let sender: Sender;
beforeAll(async () => {
  feed = stack.use(await startFeed());
  database = stack.use(await webhookDatabase());
  sender = stack.use(await startSender({ feed, database, env: { WEBHOOK_TIMEOUT_MS: "400" } }));
});
afterAll(() => stack.disposeAsync());

test("an endpoint that fails, is slow and recovers gets each event in sequence per order, with a stable id", async () => {
  await using receiver = await startReceiver();
  const orders = Array.from({ length: 12 }, (_, n) => `flaky-${n}`);
  let n = 0;
  // Fails, hangs, refuses, and sometimes accepts.
  receiver.reply = () => {
    n++;
    return n % 7 === 0 ? "hang" : n % 3 === 0 ? { status: 204 } : { status: n % 2 === 0 ? 500 : 503 };
  };
  const endpointId = await register(sender, receiver);

  await feed.publish(eventsOf(orders));
  await expect.poll(() => receiver.received.length).toBeGreaterThan(40);
  receiver.reply = () => ({ status: 204, afterMs: 20 });
  await expect.poll(() => distinct(receiver.accepted)).toBe(60);

  expect(receiver.forged).toBe(0);
  for (const order of orders) {
    const sequences = firsts(receiver.accepted.filter(({ subject }) => subject === order)).map(
      ({ sequence }) => sequence,
    );
    expect(sequences).toEqual([1, 2, 3, 4, 5]);
  }
  const idsOf = Map.groupBy(receiver.received, ({ eventId }) => eventId);
  expect([...idsOf.values()].every((requests) => new Set(requests.map(({ id }) => id)).size === 1)).toBe(true);
  // The outcome of a request is recorded after its answer.
  const pending = async () =>
    (await sender.client.listWebhookDeliveries({ endpointId, state: State.PENDING })).deliveries;
  await expect.poll(pending).toEqual([]);
  const endpoint = async () => (await sender.client.getWebhookEndpoint({ id: endpointId })).endpoint;
  await expect.poll(endpoint).toMatchObject({ enabled: true, circuit: Circuit.CLOSED, consecutiveFailures: 0 });
});

/** Returns each event once, in the order of first arrival. */
function firsts(requests: readonly Received[]): Received[] {
  return [...new Map(requests.toReversed().map((request) => [request.eventId, request])).values()].reverse();
}

function distinct(requests: readonly Received[]): number {
  return new Set(requests.map(({ eventId }) => eventId)).size;
}
