import type { TestDatabase } from "@sagacart/chassis/testing/database";
import {
  WebhookEndpoint_Circuit as Circuit,
  WebhookEndpoint_ContentMode as ContentMode,
  WebhookDelivery_State as State,
  type WebhookDelivery,
} from "@sagacart/proto/notifier/v1/webhook";
import { expect, onTestFinished, test } from "vitest";
import { deleteOld, giveUpOverdue } from "./housekeeping-store.ts";
import { type Receiver, startReceiver } from "./testing/receiver.ts";
import { eventsOf, type Feed, register, type Sender, startFeed, startSender, webhookDatabase } from "./testing/shop.ts";

// Each test has its own feed: an endpoint also gets events that were not read when it was registered.
let feed: Feed;
let database: TestDatabase;

/** Disposed of at the end of each test, in reverse order. */
function use<T extends AsyncDisposable>(resource: T): T {
  onTestFinished(() => resource[Symbol.asyncDispose]());
  return resource;
}

async function start(env: Record<string, string> = {}): Promise<Sender> {
  feed = use(await startFeed());
  database = use(await webhookDatabase());
  return use(await startSender({ feed, database, env }));
}

async function receive(reply: Receiver["reply"]): Promise<Receiver> {
  const receiver = use(await startReceiver());
  receiver.reply = reply;
  return receiver;
}

async function list(sender: Sender, endpointId: string, state: State = State.UNSPECIFIED): Promise<WebhookDelivery[]> {
  return (await sender.client.listWebhookDeliveries({ endpointId, state })).deliveries;
}

const ok = () => ({ status: 200, body: "thanks" });
const broken = () => ({ status: 500, body: "broken" });

test("an event that is never accepted holds back only the later ones of its order, and becomes a dead letter", async () => {
  const sender = await start({ WEBHOOK_CIRCUIT_FAILURES: "1000" });
  const receiver = await receive(({ subject, sequence }) => ({
    status: subject === "bad" && sequence === 1 ? 400 : 200,
  }));
  const endpointId = await register(sender, receiver);

  await feed.publish(eventsOf(["bad", "good"], 3));
  const accepted = (subject: string) =>
    receiver.accepted.filter((one) => one.subject === subject).map((one) => one.sequence);
  await expect.poll(() => accepted("good")).toEqual([1, 2, 3]);
  await expect.poll(() => receiver.received.length).toBeGreaterThan(5);
  expect(accepted("bad")).toEqual([]);
  // One day later.
  await sender.pool.query("update webhook_deliveries set expire_time = now() where subject = 'bad'");
  await expect.poll(() => accepted("bad")).toEqual([2, 3]);

  const [dead, ...others] = await list(sender, endpointId, State.DEAD);
  expect(others).toEqual([]);
  expect(dead).toMatchObject({ subject: "bad", sequence: 1n, lastError: "answered 400", resent: false });
  expect(dead?.attemptCount).toBeGreaterThan(2);
});

test("dead letters are resent with their id, out of order, one by one or all of an endpoint", async () => {
  const sender = await start({ WEBHOOK_GIVE_UP_MS: "0" });
  const receiver = await receive(broken);
  const endpointId = await register(sender, receiver);
  await feed.publish(eventsOf(["again-1", "again-2"], 2));
  await expect.poll(async () => (await list(sender, endpointId, State.DEAD)).length).toBe(4);
  const firstIds = new Map(receiver.received.map(({ eventId, id }) => [eventId, id]));
  receiver.reply = ok;
  const letters = await list(sender, endpointId, State.DEAD);
  const last = letters.find(({ subject, sequence }) => subject === "again-1" && sequence === 2n);

  const { delivery } = await sender.client.resendWebhookDelivery({ id: last!.id });
  expect(delivery).toMatchObject({ id: last!.id, resent: true });
  await expect
    .poll(() => receiver.accepted.map(({ subject, sequence }) => [subject, sequence]))
    .toEqual([["again-1", 2]]);
  const since = letters.at(-1)!.createTime!;
  expect(await sender.client.resendWebhookDeliveries({ endpointId, since })).toMatchObject({ count: 3, more: false });
  await expect.poll(() => receiver.accepted.length).toBe(4);

  expect(receiver.accepted.every(({ eventId, id }) => firstIds.get(eventId) === id)).toBe(true);
  await expect.poll(async () => (await list(sender, endpointId, State.DELIVERED)).length).toBe(4);
  await expect(sender.client.resendWebhookDelivery({ id: last!.id })).rejects.toThrow("was delivered");
  const told = (await sender.client.getWebhookDelivery({ id: last!.id })).delivery;
  expect(told?.attempts).toMatchObject([
    { number: 2, status: 200, error: "", answer: "thanks" },
    { number: 1, status: 500, error: "answered 500", answer: "broken" },
  ]);
});

test("a slow endpoint uses only its own share, and holds up no other", async () => {
  const sender = await start({ WEBHOOK_CONCURRENCY_PER_ENDPOINT: "3" });
  const slow = await receive(() => "hang");
  const quick = await receive(ok);
  const slowId = await register(sender, slow);
  await register(sender, quick);
  const orders = Array.from({ length: 30 }, (_, n) => `slow-${n}`);

  await feed.publish(eventsOf(orders, 1));
  await expect.poll(() => quick.accepted.length).toBe(30);

  expect(quick.mostAtOnce).toBeLessThanOrEqual(3);
  await expect.poll(() => slow.received.length).toBe(3);
  expect(await list(sender, slowId, State.PENDING)).toHaveLength(30);
});

test.each([ContentMode.STRUCTURED, ContentMode.BINARY])(
  "a delivery has the request that the endpoint got, without its time and signature, in mode %i",
  async (contentMode) => {
    const sender = await start();
    const receiver = await receive(ok);
    const endpointId = await register(sender, receiver, { contentMode });
    await feed.publish(eventsOf([`shown-${contentMode}`], 1));
    await expect.poll(() => receiver.accepted.length).toBe(1);

    const [{ id } = { id: "" }] = await list(sender, endpointId);
    const { delivery } = await sender.client.getWebhookDelivery({ id });

    const [got] = receiver.accepted;
    expect(delivery?.request).toMatchObject({ url: receiver.url, body: got?.body });
    expect(got?.headers).toMatchObject(delivery?.request?.headers ?? {});
    expect(delivery?.request?.headers).toMatchObject({ "webhook-id": id });
    expect(Object.keys(delivery?.request?.headers ?? {})).not.toContain("webhook-signature");
  },
);

test("an answer after the time limit is a failure", async () => {
  const sender = await start({ WEBHOOK_TIMEOUT_MS: "100", WEBHOOK_CIRCUIT_FAILURES: "1000" });
  const receiver = await receive(() => "hang");
  const endpointId = await register(sender, receiver);
  await feed.publish(eventsOf(["late"], 1));
  await expect.poll(async () => (await list(sender, endpointId))[0]?.lastError).toBe("no answer within 100 ms");
  receiver.reply = ok;
  await expect.poll(() => receiver.accepted.length).toBe(1);
});

test("a circuit opens after failures in a row, lets one request through at a time, and closes after a success", async () => {
  const env = {
    WEBHOOK_CIRCUIT_FAILURES: "3",
    WEBHOOK_CIRCUIT_PAUSE_MS: "200",
    WEBHOOK_CONCURRENCY_PER_ENDPOINT: "2",
    WEBHOOK_RETRY_MS: "400",
  };
  const sender = await start(env);
  use(await startSender({ feed, database, env }));
  const receiver = await receive(broken);
  const endpointId = await register(sender, receiver);
  const orders = Array.from({ length: 100 }, (_, n) => `circuit-${n}`);
  const endpoint = async () => (await sender.client.getWebhookEndpoint({ id: endpointId })).endpoint;

  await feed.publish(eventsOf(orders, 1));
  await expect.poll(async () => (await endpoint())?.circuit).not.toBe(Circuit.CLOSED);
  // Requests that were running when it opened finish.
  await expect.poll(async () => (await endpoint())?.consecutiveFailures === receiver.received.length).toBe(true);
  const before = receiver.received.length;
  expect(before).toBeLessThanOrEqual(20);
  let probing = 0;
  let mostProbing = 0;
  receiver.reply = () => {
    probing++;
    mostProbing = Math.max(mostProbing, probing);
    setTimeout(() => probing--, 50);
    return { status: 500, afterMs: 50 };
  };
  await expect.poll(() => receiver.received.length).toBeGreaterThanOrEqual(before + 3);
  expect(mostProbing).toBe(1);
  expect(await sender.metrics.getSingleMetricAsString("notifier_webhook_circuits_open")).toMatch(/ 1$/m);
  receiver.reply = ok;
  await expect.poll(() => receiver.accepted.length).toBe(100);

  await expect.poll(endpoint).toMatchObject({ circuit: Circuit.CLOSED, consecutiveFailures: 0, enabled: true });
});

test("an endpoint that requests a pause by Retry-After gets nothing before it is over", async () => {
  const sender = await start();
  const receiver = await receive(() => ({ status: 429, headers: { "retry-after": "1" } }));
  const endpointId = await register(sender, receiver);
  await feed.publish(eventsOf(["patient-1"], 1));
  const askedAt = async () => {
    const { endpoint } = await sender.client.getWebhookEndpoint({ id: endpointId });
    return endpoint?.resumeTime === undefined ? undefined : Number(endpoint.resumeTime.seconds);
  };
  await expect.poll(askedAt).toBeGreaterThan(0);
  const resumeSeconds = (await askedAt())!;
  const arrivals: number[] = [];
  receiver.reply = () => {
    arrivals.push(Date.now() / 1_000);
    return { status: 200 };
  };
  await feed.publish(eventsOf(["patient-2"], 1));
  await expect.poll(() => receiver.accepted.length).toBe(2);
  expect(Math.min(...arrivals)).toBeGreaterThanOrEqual(resumeSeconds);
});

test("an endpoint that answers 410 is disabled, and its pending deliveries become dead letters", async () => {
  const sender = await start();
  const receiver = await receive(() => ({ status: 410 }));
  const endpointId = await register(sender, receiver);
  await feed.publish(eventsOf(["gone"], 3));

  const endpoint = async () => (await sender.client.getWebhookEndpoint({ id: endpointId })).endpoint;
  await expect.poll(endpoint).toMatchObject({ enabled: false, disabledReason: "it answered 410 (Gone)" });
  await expect.poll(async () => (await list(sender, endpointId, State.DEAD)).length).toBe(3);
  expect(receiver.received).toHaveLength(1);
  await expect(sender.client.resendWebhookDeliveries({ endpointId })).rejects.toThrow("enable it first");

  receiver.reply = ok;
  await sender.client.updateWebhookEndpoint({ endpoint: { id: endpointId, enabled: true } });
  await sender.client.resendWebhookDeliveries({ endpointId });
  await expect.poll(() => receiver.accepted.length).toBe(3);
});

test("an endpoint that fails for days without a success is disabled", async () => {
  const sender = await start({ WEBHOOK_DISABLE_DAYS: "2" });
  const receiver = await receive(broken);
  const endpointId = await register(sender, receiver);
  const endpoint = async () => (await sender.client.getWebhookEndpoint({ id: endpointId })).endpoint;
  await feed.publish(eventsOf(["failing-for-days"], 1));
  await expect.poll(async () => (await endpoint())?.consecutiveFailures).toBeGreaterThan(0);
  expect(await endpoint()).toMatchObject({ enabled: true });

  await sender.pool.query("update webhook_endpoints set failing_since = now() - interval '49 hours'");
  const disabled = { enabled: false, disabledReason: "all requests failed for 2 days" };
  await expect.poll(endpoint).toMatchObject(disabled);
});

test("an endpoint gets the event types and the content mode that it chose", async () => {
  const sender = await start();
  const receiver = await receive(ok);
  const eventTypes = ["sagacart.order.paid.v1", "sagacart.order.shipping.*"];
  await register(sender, receiver, { eventTypes, contentMode: ContentMode.BINARY });
  const everything = await receive(ok);
  await register(sender, everything, { eventTypes: ["*"] });

  await feed.publish(eventsOf(["chosen"]));
  await expect.poll(() => [receiver.accepted.length, everything.accepted.length]).toEqual([2, 5]);

  expect(receiver.accepted.map(({ type }) => type)).toEqual(["sagacart.order.paid.v1", "sagacart.order.shipping.v1"]);
  expect(receiver.accepted[0]?.headers).toMatchObject({
    "content-type": "application/json",
    "ce-specversion": "1.0",
    "ce-source": "/sagacart/order",
    "ce-subject": "chosen",
  });
  expect(JSON.parse(receiver.accepted[0]!.body)).toEqual({ orderId: "chosen", customerId: "ada" });
  expect(everything.accepted[0]?.headers["content-type"]).toBe("application/cloudevents+json; charset=utf-8");
  expect(JSON.parse(everything.accepted[0]!.body)).toMatchObject({
    specversion: "1.0",
    source: "/sagacart/order",
    type: "sagacart.order.created.v1",
    data: { orderId: "chosen", customerId: "ada" },
  });
});

test("while a secret is replaced, requests verify with either; afterwards with the new one only", async () => {
  const sender = await start();
  const receiver = await receive(ok);
  const endpointId = await register(sender, receiver);
  const old = receiver.secret;
  const { secret } = await sender.client.rotateWebhookSecret({ endpointId, overlap: { seconds: 60n } });
  const test_ = async () => (await sender.client.testWebhookEndpoint({ endpointId })).delivered;

  expect(await test_()).toBe(true);
  receiver.secret = secret;
  expect(await test_()).toBe(true);
  await sender.pool.query("update webhook_secrets set expire_time = now() where expire_time is not null");
  expect(await test_()).toBe(true);
  receiver.secret = old;
  expect(await test_()).toBe(false);
  expect(receiver.forged).toBe(1);
});

test("an answer that does not end or is too large counts by its status", async () => {
  const sender = await start();
  const receiver = await receive(() => ({ status: 200, body: `\0${"x".repeat(1_000_000)}` }));
  const endpointId = await register(sender, receiver);

  const { attempt, delivered } = await sender.client.testWebhookEndpoint({ endpointId });

  expect(delivered).toBe(true);
  expect(attempt?.answer).toBe("x".repeat(999));
});

test("overdue deliveries behind an open circuit are given up; old ones are deleted", async () => {
  const sender = await start({ WEBHOOK_CIRCUIT_FAILURES: "1", WEBHOOK_CIRCUIT_PAUSE_MS: "3600000" });
  const receiver = await receive(broken);
  const endpointId = await register(sender, receiver);
  await feed.publish(eventsOf(["overdue"], 1));
  // The outcome of an attempt is recorded after the answer; then the circuit opens.
  await expect.poll(async () => (await list(sender, endpointId))[0]?.lastError).toBe("answered 500");
  const endpoint = async () => (await sender.client.getWebhookEndpoint({ id: endpointId })).endpoint;
  await expect.poll(endpoint).toMatchObject({ circuit: Circuit.OPEN });
  const age = (ms: number) =>
    sender.pool.query("update webhook_deliveries set expire_time = now() - $1 * interval '1 ms', try_time = now()", [
      ms,
    ]);
  // Its last attempt may be running.
  await age(60_000);
  expect(await giveUpOverdue(sender.pool)).toBe(0);
  await age(3_600_000);

  expect(await giveUpOverdue(sender.pool)).toBe(1);
  expect(await list(sender, endpointId, State.DEAD)).toMatchObject([{ lastError: "answered 500" }]);
  expect(await deleteOld(sender.pool, 30)).toBe(0);
  await sender.pool.query("update webhook_deliveries set end_time = end_time - interval '31 days'");
  await sender.pool.query("update webhook_events set time = time - interval '31 days'");
  expect(await deleteOld(sender.pool, 30)).toBe(1);
  expect((await sender.pool.query("select from webhook_events")).rowCount).toBe(0);
});

test("the metrics count attempts by outcome and show the age of the oldest event", async () => {
  const sender = await start();
  const receiver = await receive(broken);
  await register(sender, receiver);
  await feed.publish(eventsOf(["measured"], 2));
  const metric = (name: string) => sender.metrics.getSingleMetricAsString(name);
  await expect.poll(() => metric("notifier_webhooks_total")).toMatch(/outcome="failed".*\} [1-9]/);
  await sender.pool.query("update webhook_deliveries set create_time = create_time - interval '1 hour'");
  await metric("notifier_webhook_circuits_open");
  expect(await metric("notifier_webhook_oldest_pending_seconds")).toMatch(/ 36\d\d/);
  receiver.reply = ok;
  await expect.poll(() => metric("notifier_webhooks_total")).toMatch(/outcome="delivered".*\} 2/);
});
