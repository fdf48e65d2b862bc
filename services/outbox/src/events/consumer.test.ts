import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { silentLog } from "@sagacart/chassis/testing/log";
import { createProxy } from "@sagacart/chassis/testing/proxy";
import { randomOf } from "@sagacart/chassis/testing/random";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { Event } from "@sagacart/proto/event/v1/event";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { oneEach, startTestFeed, type TestFeed } from "../testing/test-feed.ts";
import { startEventConsumer } from "./consumer.ts";
import { eventCursor } from "./cursor-store.ts";

let stack: AsyncDisposableStack;
let feed: TestFeed;
/** The consumers' own: what they took, in the order in which they took it, as often as they did. */
let own: TestDatabase;
let testNumber = 0;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  feed = stack.use(await startTestFeed("/sagacart/test"));
  own = stack.use(await testDatabase());
  await own.pool.query(`
    create table cursors (feed text primary key, position bigint not null default 0,
      generation bigint not null default 0, update_time timestamptz not null default now());
    create table taken (number bigint generated always as identity, consumer text, subject text, sequence bigint)`);
});

afterAll(() => stack.disposeAsync());

beforeEach(async () => {
  testNumber++;
  // In the order in which readers lock them: a subscription of the test before may be reading still.
  await feed.pool.query("truncate event_consumers, event_appends, event_positions, events");
  await own.pool.query("truncate cursors, taken");
});

/** A name that no other test uses: what a consumer reports last may arrive after its test has ended. */
const unique = (name: string) => `${name}-${testNumber}`;

type Take = (tx: Transaction, events: readonly Event[]) => Promise<void>;
type Options = { port?: number; types?: string[]; skip?: (event: Event) => boolean; take?: Take };

/** A consumer of this name, whose cursor is there from before where it was started once. */
async function start(
  label: string,
  { port = feed.port, types = [], skip = () => false, take = async () => {} }: Options = {},
): Promise<AsyncDisposable> {
  const name = unique(label);
  await own.pool.query("insert into cursors (feed) values ($1) on conflict do nothing", [name]);
  const channel = openChannel(`127.0.0.1:${port}`);
  const consumer = startEventConsumer({
    name,
    pool: own.pool,
    log: silentLog,
    cursor: eventCursor({ table: "cursors", feed: name }),
    events: createServiceClient(EventService, channel),
    consumers: createServiceClient(ConsumerService, channel),
    types,
    skip,
    async take(tx, events) {
      for (const { subject, sequence } of events) {
        await tx.query("insert into taken (consumer, subject, sequence) values ($1, $2, $3)", [
          name,
          subject,
          sequence,
        ]);
      }
      await take(tx, events);
    },
    standbyMs: 20,
    reportMs: 20,
  });
  return {
    async [Symbol.asyncDispose]() {
      await consumer[Symbol.asyncDispose]();
      channel.close();
    },
  };
}

async function taken(name: string): Promise<string[]> {
  const { rows } = await own.pool.query<{ subject: string; sequence: bigint }>(
    "select subject, sequence from taken where consumer = $1 order by number",
    [unique(name)],
  );
  return rows.map(({ subject, sequence }) => `${subject}/${sequence}`);
}

async function known(name: string) {
  return (await feed.consumers.getConsumer({ name: unique(name) })).consumer;
}

test("each consumer gets all events; one that was down catches up", async () => {
  await using _ = await start("one");
  await feed.publish(oneEach("made", ["a", "b"]));
  await expect.poll(() => taken("one"), { interval: 5 }).toEqual(["a/1", "b/1"]);
  await feed.publish(oneEach("paid", ["b", "a"], 2));
  await using _other = await start("other");
  await expect.poll(() => taken("other"), { interval: 5 }).toEqual(["a/1", "b/1", "b/2", "a/2"]);
  await expect.poll(() => taken("one"), { interval: 5 }).toEqual(["a/1", "b/1", "b/2", "a/2"]);
});

test("events that the consumer skips have no effect, and the cursor moves past them", async () => {
  await using _ = await start("one", { skip: ({ subject }) => subject === "test" });
  await feed.publish([...oneEach("made", ["test", "sold"]), ...oneEach("paid", ["test"], 2)]);
  await expect.poll(() => taken("one"), { interval: 5 }).toEqual(["sold/1"]);
  await expect.poll(() => known("one").catch(() => undefined)).toMatchObject({ position: 3n, lagEvents: 0n });
});

test("a consumer that fails does not hold up others, and gets the events again", async () => {
  let isBroken = true;
  await using _good = await start("good");
  await using _bad = await start("bad", {
    async take() {
      if (isBroken) {
        throw new Error("no room on the disk");
      }
    },
  });
  await feed.publish(oneEach("made", ["a", "b"]));
  await expect.poll(() => taken("good"), { interval: 5 }).toEqual(["a/1", "b/1"]);
  await expect.poll(async () => (await known("bad"))?.lagEvents, { interval: 5 }).toBe(2n);
  expect(await taken("bad")).toEqual([]);
  isBroken = false;
  await expect.poll(() => taken("bad"), { interval: 5 }).toEqual(["a/1", "b/1"]);
});

test("the position is reported to the feed, past events of other types too", async () => {
  await using _ = await start("one", { types: ["paid"] });
  await feed.publish([...oneEach("paid", ["a"]), ...oneEach("made", ["b", "c"])]);
  await expect
    .poll(() => known("one").catch(() => undefined), { interval: 20 })
    .toMatchObject({ position: 3n, lagEvents: 0n });
  expect(await taken("one")).toEqual(["a/1"]);
});

test("of two processes of one consumer one reads, the other goes on where it ends, and no event comes twice", async () => {
  await using second = new AsyncDisposableStack();
  {
    await using _first = await start("one");
    await feed.publish(oneEach("made", ["a", "b"]));
    await expect.poll(() => taken("one"), { interval: 5 }).toEqual(["a/1", "b/1"]);
    second.use(await start("one"));
    await feed.publish(oneEach("made", ["c"]));
    await expect.poll(() => taken("one"), { interval: 5 }).toEqual(["a/1", "b/1", "c/1"]);
  }
  await feed.publish(oneEach("made", ["d"]));
  await expect.poll(() => taken("one"), { interval: 5 }).toEqual(["a/1", "b/1", "c/1", "d/1"]);
});

test("an operator sets one consumer back: it reads again from there, and the others do not", async () => {
  await using _one = await start("one");
  await using _other = await start("other");
  await feed.publish(oneEach("made", ["a", "b", "c"]));
  await expect.poll(() => known("one").catch(() => undefined)).toMatchObject({ position: 3n, generation: 0n });
  await expect.poll(() => known("other").catch(() => undefined)).toMatchObject({ position: 3n });
  await feed.consumers.replayConsumer({
    name: unique("one"),
    target: { case: "afterPosition", value: 1n },
    reason: "lost",
  });
  await expect.poll(() => taken("one"), { interval: 5 }).toEqual(["a/1", "b/1", "c/1", "b/1", "c/1"]);
  await expect.poll(() => known("one")).toMatchObject({ position: 3n, generation: 1n });
  await feed.publish(oneEach("made", ["d"]));
  await expect.poll(() => taken("other"), { interval: 5 }).toEqual(["a/1", "b/1", "c/1", "d/1"]);
  await expect.poll(async () => (await taken("one")).at(-1), { interval: 5 }).toBe("d/1");
});

test("a consumer that was set back while it was down goes back when it starts", async () => {
  {
    await using _ = await start("one");
    await feed.publish(oneEach("made", ["a", "b"]));
    await expect.poll(() => known("one").catch(() => undefined)).toMatchObject({ position: 2n });
  }
  await feed.consumers.replayConsumer({
    name: unique("one"),
    target: { case: "afterPosition", value: 0n },
    reason: "lost",
  });
  await using _ = await start("one");
  await expect.poll(() => taken("one"), { interval: 5 }).toEqual(["a/1", "b/1", "a/1", "b/1"]);
});

test("a consumer that the feed lost reports itself again", async () => {
  await using _ = await start("one");
  await feed.publish(oneEach("made", ["a"]));
  await expect.poll(() => known("one").catch(() => undefined)).toMatchObject({ position: 1n });
  await feed.consumers.deleteConsumer({ name: unique("one") });
  await expect.poll(() => known("one").catch(() => undefined)).toMatchObject({ position: 1n });
});

test("connections cut at any moment lose no event and repeat none, and a subject's events stay in order", async () => {
  await using proxy = await createProxy({ host: "127.0.0.1", port: feed.port });
  await using _ = await start("one", { port: proxy.port });
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = randomOf(seed);
  const expected: string[] = [];
  for (let sequence = 1; sequence <= 40; sequence++) {
    const subjects = ["a", "b", "c", "d"].filter(() => random() < 0.8);
    const events = subjects.map((subject) => ({
      subject,
      sequence: expected.filter((name) => name.startsWith(`${subject}/`)).length + 1,
      type: "made",
      data: { padding: "x".repeat(Math.floor(random() * 20_000)) },
    }));
    await feed.publish(events);
    expected.push(...events.map(({ subject, sequence }) => `${subject}/${sequence}`));
    if (random() < 0.2) {
      await proxy.cut();
      await proxy.mend();
    }
  }
  await expect.poll(async () => (await taken("one")).length, { interval: 20 }).toBe(expected.length);
  expect(await taken("one"), `seed ${seed}`).toEqual(expected);
});
