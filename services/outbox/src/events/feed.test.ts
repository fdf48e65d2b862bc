import { type Client, createClient } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { createMetrics, type Metrics } from "@sagacart/chassis/process/metrics";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { silentLog } from "@sagacart/chassis/testing/log";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { outboxTables } from "../testing/tables.ts";
import { appendEvents } from "./append.ts";
import { createEventFeed, type EventFeed } from "./feed.ts";

let stack: AsyncDisposableStack;
let pool: Pool;
let feed: EventFeed;
let metrics: Metrics;
let events: Client<typeof EventService>;
let consumers: Client<typeof ConsumerService>;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  const database = stack.use(await testDatabase());
  pool = database.pool;
  await pool.query(outboxTables);
  metrics = createMetrics("test");
  feed = stack.use(createEventFeed({ pool, url: database.url, source: "/sagacart/test", log: silentLog, metrics }));
  const transport = inMemory(feed.routes, "test.sagacart");
  events = createClient(EventService, transport);
  consumers = createClient(ConsumerService, transport);
});

afterAll(() => stack.disposeAsync());

beforeEach(async () => {
  // In the order in which readers lock them: a subscription of the test before may be reading still.
  await pool.query("truncate event_consumers, event_appends, event_positions, events");
});

/** Appends these, as `order-1/paid`, one transaction each, and waits until all have their positions. */
async function publish(...names: string[]): Promise<void> {
  for (const name of names) {
    const [subject = "", type = ""] = name.split("/");
    const { rows } = await pool.query<{ next: bigint }>(
      "select coalesce(max(sequence), 0) + 1 as next from events where subject = $1",
      [subject],
    );
    await appendEvents(pool, [{ subject, sequence: rows[0]!.next, type, data: {} }]);
    feed.notify();
  }
  await expect.poll(async () => (await pool.query("select 1 from event_appends")).rowCount, { interval: 5 }).toBe(0);
}

/** Reads messages of a subscription until `enough` says so of all events so far. */
async function subscribe(
  request: Parameters<typeof events.subscribeEvents>[0],
  enough: (messages: { names: string[]; nextPosition: bigint; generation: bigint }[]) => boolean | Promise<boolean>,
) {
  const leaving = new AbortController();
  const messages: { names: string[]; nextPosition: bigint; generation: bigint }[] = [];
  for await (const message of events.subscribeEvents(request, { signal: leaving.signal })) {
    const { nextPosition, generation } = message;
    messages.push({ names: message.events.map(({ subject, type }) => `${subject}/${type}`), nextPosition, generation });
    if (await enough(messages)) {
      break;
    }
  }
  leaving.abort();
  return messages;
}

async function reasonOf(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (thrown) => thrown,
  );
  return error === undefined ? undefined : errorInfo(error).reason;
}

test("a subscription sends its position at once", async () => {
  await publish("a/made", "b/made");
  const [first] = await subscribe({ afterPosition: 2n }, () => true);
  expect(first).toEqual({ names: [], nextPosition: 2n, generation: 0n });
});

test("a subscription sends its position even if its types filter out all events", async () => {
  await publish("a/made", "b/made");
  const messages = await subscribe({ types: ["paid"] }, async (messages) => {
    if (messages.length === 1) {
      await publish("c/made", "d/made");
    }
    return messages.at(-1)?.nextPosition === 4n;
  });
  expect(messages.every(({ names }) => names.length === 0)).toBe(true);
  expect(messages[0]?.nextPosition).toBe(2n);
});

test("a busy feed is read five times a second for a subscription whose types filter out all that comes", async () => {
  await publish("a/made");
  using query = vi.spyOn(pool, "query");
  const countReads = () => query.mock.calls.filter(([what]) => Object(what).name === "list-events").length;
  let publishing: Promise<{ reads: number; pauses: number }> | undefined;
  const publishMany = async () => {
    const [before, startMs] = [countReads(), performance.now()];
    for (let index = 0; index < 50; index += 1) {
      await publish(`b-${index}/made`);
    }
    const [reads, pauses] = [countReads() - before, (performance.now() - startMs) / 200];
    await publish("c/paid");
    return { reads, pauses };
  };

  const messages = await subscribe({ types: ["paid"] }, (messages) => {
    publishing ??= publishMany();
    return messages.at(-1)?.names.length === 1;
  });

  expect(messages.at(-1)?.names).toEqual(["c/paid"]);
  const { reads, pauses } = await publishing!;
  expect(reads).toBeGreaterThan(0);
  expect(reads).toBeLessThanOrEqual(2 + pauses);
});

test("the first acknowledgement creates a consumer, whose lag can be read", async () => {
  expect(await reasonOf(events.readEvents({ consumer: "books" }))).toBe("CONSUMER_NOT_FOUND");
  expect(await reasonOf(subscribe({ consumer: "books" }, () => true))).toBe("CONSUMER_NOT_FOUND");
  expect(await reasonOf(consumers.getConsumer({ name: "books" }))).toBe("CONSUMER_NOT_FOUND");
  await consumers.commitPosition({ name: "books", position: 0n });
  await publish("a/made", "a/paid", "b/made");
  await pool.query("update events set time = now() - interval '90 s' where subject = 'a' and sequence = 1");

  const { consumer } = await consumers.getConsumer({ name: "books" });
  expect(consumer).toMatchObject({ name: "books", position: 0n, headPosition: 3n, lagEvents: 3n, generation: 0n });
  expect(Number(consumer?.lag?.seconds)).toBeGreaterThanOrEqual(90);
  const caughtUp = (await consumers.commitPosition({ name: "books", position: 3n })).consumer;
  expect(caughtUp).toMatchObject({ position: 3n, lagEvents: 0n, lag: { seconds: 0n, nanos: 0 } });
});

test("a named consumer reads from its own position, whatever position is requested", async () => {
  await consumers.commitPosition({ name: "books", position: 0n });
  await publish("a/made", "a/paid", "b/made");
  await consumers.commitPosition({ name: "books", position: 2n });
  const page = await events.readEvents({ consumer: "books" });
  expect(page).toMatchObject({ events: [{ subject: "b", position: 3n }], nextPosition: 3n });
  const [first] = await subscribe({ consumer: "books" }, () => true);
  expect(first?.names).toEqual(["b/made"]);
  expect(await reasonOf(events.readEvents({ consumer: "books", afterPosition: 1n }))).toBe("INVALID_ARGUMENT");
});

test("an acknowledgement goes neither back nor beyond the feed", async () => {
  await publish("a/made", "a/paid");
  await consumers.commitPosition({ name: "books", position: 2n });
  const { consumer } = await consumers.commitPosition({ name: "books", position: 1n });
  expect(consumer?.position).toBe(2n);
  expect(await reasonOf(consumers.commitPosition({ name: "books", position: 3n }))).toBe("POSITION_BEYOND_HEAD");
});

test("two readers of one name each see all events, and the one ahead moves the position", async () => {
  await consumers.commitPosition({ name: "books", position: 0n });
  await publish("a/made", "a/paid", "b/made");
  const [one, other] = await Promise.all([
    events.readEvents({ consumer: "books" }),
    events.readEvents({ consumer: "books", pageSize: 1 }),
  ]);
  expect([one.events.length, other.events.length]).toEqual([3, 1]);
  await consumers.commitPosition({ name: "books", position: one.nextPosition });
  await consumers.commitPosition({ name: "books", position: other.nextPosition });
  expect((await events.readEvents({ consumer: "books" })).events).toEqual([]);
});

test("a replay sets one consumer back and leaves the others alone", async () => {
  await publish("a/made", "a/paid", "b/made");
  await consumers.commitPosition({ name: "books", position: 3n });
  await consumers.commitPosition({ name: "mail", position: 2n });
  const back = { name: "books", target: { case: "afterPosition", value: 1n }, reason: "wrong rate" } as const;
  const { consumer } = await consumers.replayConsumer(back);
  expect(consumer).toMatchObject({ position: 1n, generation: 1n, lagEvents: 2n, replayReason: "wrong rate" });
  const page = await events.readEvents({ consumer: "books" });
  expect(page.events.map(({ position }) => position)).toEqual([2n, 3n]);
  expect(page.generation).toBe(1n);
  expect((await consumers.getConsumer({ name: "mail" })).consumer).toMatchObject({ position: 2n, generation: 0n });
});

test("a repeated replay has no further effect; another one needs the current generation", async () => {
  await publish("a/made", "a/paid", "b/made");
  await consumers.commitPosition({ name: "books", position: 3n });
  const back = { name: "books", target: { case: "afterPosition", value: 1n }, reason: "wrong rate" } as const;
  await consumers.replayConsumer(back);
  await consumers.commitPosition({ name: "books", position: 2n, generation: 1n });
  expect((await consumers.replayConsumer(back)).consumer).toMatchObject({ position: 2n, generation: 1n });
  const further = { ...back, target: { case: "afterPosition", value: 0n } } as const;
  expect(await reasonOf(consumers.replayConsumer(further))).toBe("CONSUMER_REPLAYED");
  expect((await consumers.replayConsumer({ ...further, generation: 1n })).consumer?.generation).toBe(2n);
});

test("a replay goes back only, and needs an existing consumer", async () => {
  await publish("a/made", "a/paid");
  await consumers.commitPosition({ name: "books", position: 1n });
  const ahead = { name: "books", target: { case: "afterPosition", value: 2n }, reason: "r" } as const;
  expect(await reasonOf(consumers.replayConsumer(ahead))).toBe("REPLAY_NOT_BACK");
  expect(await reasonOf(consumers.replayConsumer({ ...ahead, name: "nobody" }))).toBe("CONSUMER_NOT_FOUND");
  expect(await reasonOf(consumers.replayConsumer({ name: "books", reason: "r" }))).toBe("INVALID_ARGUMENT");
});

test("events read before a replay cannot be acknowledged after it", async () => {
  await publish("a/made", "a/paid");
  await consumers.commitPosition({ name: "books", position: 1n });
  const page = await events.readEvents({ consumer: "books" });
  await consumers.replayConsumer({ name: "books", target: { case: "afterPosition", value: 0n }, reason: "r" });
  const { nextPosition: position, generation } = page;
  expect(await reasonOf(consumers.commitPosition({ name: "books", position, generation }))).toBe("CONSUMER_REPLAYED");
  expect((await events.readEvents({ consumer: "books" })).events.length).toBe(2);
});

test("a replay by time begins with the first event since then", async () => {
  await publish("a/made", "b/made", "c/made", "d/made", "e/made");
  // A transaction that took its time: b is later in the feed than what happened after it.
  for (const [subject, minutes] of Object.entries({ a: 50, b: 39.5, c: 40, d: 20, e: 10 })) {
    await pool.query("update events set time = now() - $2 * interval '1 min' where subject = $1", [subject, minutes]);
  }
  await consumers.commitPosition({ name: "books", position: 5n });
  const since = async (subject: string, generation: bigint) => {
    const { rows } = await pool.query<{ time: Date }>("select time from events where subject = $1", [subject]);
    const time = { seconds: BigInt(Math.floor(rows[0]!.time.getTime() / 1000)), nanos: 0 };
    const target = { case: "time", value: time } as const;
    const { consumer } = await consumers.replayConsumer({ name: "books", generation, target, reason: "r" });
    await consumers.commitPosition({ name: "books", position: 5n, generation: generation + 1n });
    return consumer?.position;
  };
  expect(await since("e", 0n)).toBe(4n);
  expect(await since("d", 1n)).toBe(3n);
  expect(await since("c", 2n)).toBe(1n);
  expect(await since("b", 3n)).toBe(1n);
  expect(await since("a", 4n)).toBe(0n);
});

test("an open subscription follows the replay of its consumer", async () => {
  await publish("a/made", "a/paid");
  await consumers.commitPosition({ name: "books", position: 0n });
  const messages = await subscribe({ consumer: "books" }, async (messages) => {
    if (messages.length === 1) {
      await consumers.commitPosition({ name: "books", position: 2n });
      await consumers.replayConsumer({ name: "books", target: { case: "afterPosition", value: 1n }, reason: "r" });
    }
    return messages.length === 2;
  });
  expect(messages).toEqual([
    { names: ["a/made", "a/paid"], nextPosition: 2n, generation: 0n },
    { names: ["a/paid"], nextPosition: 2n, generation: 1n },
  ]);
});

test("a consumer whose row was lost is restored by its own position and generation", async () => {
  await publish("a/made", "a/paid");
  await consumers.commitPosition({ name: "books", position: 2n, generation: 3n });
  await consumers.deleteConsumer({ name: "books" });
  await consumers.deleteConsumer({ name: "books" });
  expect(await reasonOf(consumers.getConsumer({ name: "books" }))).toBe("CONSUMER_NOT_FOUND");
  const { consumer } = await consumers.commitPosition({ name: "books", position: 1n, generation: 3n });
  expect(consumer).toMatchObject({ position: 1n, generation: 3n });
  // The record of a backup knows less than the consumer.
  await pool.query("update event_consumers set generation = 2, position = 2");
  const known = await consumers.commitPosition({ name: "books", position: 1n, generation: 3n });
  expect(known.consumer).toMatchObject({ position: 1n, generation: 3n });
});

test("consumers are listed by name, page by page, and measured", async () => {
  await publish("a/made", "a/paid");
  for (const [name, position] of Object.entries({ mail: 0n, books: 1n, audit: 2n })) {
    await consumers.commitPosition({ name, position });
  }
  const first = await consumers.listConsumers({ pageSize: 2 });
  expect(first.consumers.map(({ name }) => name)).toEqual(["audit", "books"]);
  const second = await consumers.listConsumers({ pageSize: 2, pageToken: first.nextPageToken });
  expect(second.consumers.map(({ name }) => name)).toEqual(["mail"]);
  expect(second.nextPageToken).toBe("");
  expect(await reasonOf(consumers.listConsumers({ pageToken: "x" }))).toBe("BAD_PAGE_TOKEN");

  const text = await metrics.metrics();
  expect(text).toContain('event_consumer_lag_events{consumer="mail",app="test"} 2');
  expect(text).toContain('event_consumer_lag_events{consumer="audit",app="test"} 0');
  expect(text).toContain('event_consumer_lag_seconds{consumer="audit",app="test"} 0');
});

test("a consumer's name is lower case and short", async () => {
  for (const name of ["", "Books", "a b", "-a", "a".repeat(64), "a\u0000"]) {
    expect(await reasonOf(consumers.commitPosition({ name, position: 0n }))).toBe("INVALID_ARGUMENT");
  }
});
