import type { HandlerContext } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { OrderService, type WatchOrderRequest } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createShop } from "./shop.ts";
import { kinds, type StandIn, startStandIn } from "./testing/stand-in.ts";

let standIn: StandIn;

beforeAll(async () => {
  standIn = await startStandIn(OrderService);
});

afterAll(() => standIn?.[Symbol.asyncDispose]());

const story = [
  Order_State.PENDING,
  Order_State.RESERVED,
  Order_State.PAID,
  Order_State.SHIPPING,
  Order_State.COMPLETED,
].map((state, index) => ({ state, sequence: BigInt(index + 1) }));
const all = story.map(({ sequence }) => sequence);

/** The messages of the shop's stream: the order as it is, with the changes after a sequence that it has had by then. */
const messageOf = (until: number, after: bigint) => ({
  order: { id: "1", state: story[until - 1]?.state ?? Order_State.PENDING, sequence: BigInt(until) },
  changes: story.slice(0, until).filter(({ sequence }) => sequence > after),
});

beforeEach(() => {
  standIn.asked.length = 0;
});

const cursors = () => standIn.asked.map(({ request }) => Object(request).afterSequence ?? "0");

async function sequencesOf(updates: AsyncIterable<{ changes: readonly { sequence: bigint }[] }>): Promise<bigint[]> {
  const seen: bigint[] = [];
  for await (const { changes } of updates) {
    seen.push(...changes.map(({ sequence }) => sequence));
  }
  return seen;
}

describe.each(kinds)("with the transport of %s", (kind) => {
  const transport = () => standIn.transport(kind);
  test("a watch goes on after the last change that was seen when its connection is cut, again and again", async () => {
    let now = 0;
    standIn.answer("WatchOrder", async function* ({ afterSequence }: WatchOrderRequest, { signal }: HandlerContext) {
      now = Math.min(now + 2, story.length);
      yield messageOf(now, afterSequence);
      if (now < story.length) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      }
    });
    const shop = createShop(transport());
    const seen: bigint[] = [];
    for await (const { order, changes } of shop.watchOrder("1", { giveUpAfterMs: 20_000 })) {
      seen.push(...changes.map(({ sequence }) => sequence));
      if (order.state !== Order_State.COMPLETED) {
        await standIn.cut();
        await standIn.mend();
      }
    }
    expect(seen).toEqual(all);
    expect(cursors()).toEqual(["0", "2", "4"]);
  });

  test("a connection that is silently dead is replaced", async () => {
    let isFirst = true;
    standIn.answer("WatchOrder", async function* ({ afterSequence }: WatchOrderRequest, { signal }: HandlerContext) {
      if (isFirst) {
        isFirst = false;
        yield messageOf(3, afterSequence);
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      }
      yield messageOf(5, afterSequence);
    });
    expect(await sequencesOf(createShop(transport()).watchOrder("1", { renewAfterMs: 1_000 }))).toEqual(all);
    expect(cursors().length).toBeGreaterThan(1);
  });

  test("a reader that leaves ends the stream", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    standIn.answer("WatchOrder", async function* ({ afterSequence }: WatchOrderRequest, { signal }: HandlerContext) {
      signal.addEventListener("abort", () => resolve());
      yield messageOf(1, afterSequence);
      await promise;
    });
    for await (const _update of createShop(transport()).watchOrder("1")) {
      break;
    }
    await promise;
    expect(standIn.asked).toHaveLength(1);
  });
});

const connect = () => createShop(standIn.transport("node, HTTP/1.1"));

test("a stream that repeats changes, ends early or says nothing new still gives each change once", async () => {
  const messages = [[messageOf(2, 0n), messageOf(2, 0n), messageOf(3, 1n)], [messageOf(3, 3n)], [messageOf(5, 2n)]];
  standIn.answer("WatchOrder", async function* () {
    yield* messages.shift() ?? [];
  });
  const updates: [bigint, number][] = [];
  for await (const { order, changes } of connect().watchOrder("1")) {
    updates.push([order.sequence, changes.length]);
  }
  expect(updates).toEqual([
    [2n, 2],
    [3n, 1],
    [5n, 2],
  ]);
});

test("an order that is final already comes once, also after its last change", async () => {
  standIn.answer("WatchOrder", async function* ({ afterSequence }: WatchOrderRequest) {
    yield messageOf(5, afterSequence);
  });
  const updates: number[] = [];
  for await (const { changes } of connect().watchOrder("1", { after: 5n })) {
    updates.push(changes.length);
  }
  expect(updates).toEqual([0]);
});

test.for([
  ["an order that does not exist", Code.NotFound],
  ["a caller who may not see it", Code.PermissionDenied],
  ["a request that is wrong", Code.InvalidArgument],
] as const)("%s is an error at once", async ([, code]) => {
  standIn.answer("WatchOrder", () => {
    throw new ConnectError("no", code);
  });
  await expect(sequencesOf(connect().watchOrder("1"))).rejects.toMatchObject({ name: "ShopError", code });
  expect(standIn.asked).toHaveLength(1);
});

test("a shop that stays away ends the watch after the given time", async () => {
  standIn.answer("WatchOrder", () => {
    throw new ConnectError("away", Code.Unavailable);
  });
  await expect(sequencesOf(connect().watchOrder("1", { giveUpAfterMs: 300 }))).rejects.toMatchObject({
    code: Code.Unavailable,
  });
  expect(standIn.asked.length).toBeGreaterThan(1);
});

test.for([
  ["says nothing", () => new Promise(() => {})],
  ["ends without a message", async () => {}],
] as const)("a shop whose stream %s ends the watch after the given time", async ([, end]) => {
  standIn.answer("WatchOrder", async function* (_request: unknown, { signal }: HandlerContext) {
    await Promise.race([end(), new Promise((resolve) => signal.addEventListener("abort", resolve))]);
  });
  const watch = connect().watchOrder("1", { giveUpAfterMs: 300, renewAfterMs: 50 });
  await expect(sequencesOf(watch)).rejects.toMatchObject({ name: "ShopError", code: Code.Unavailable });
  expect(standIn.asked.length).toBeGreaterThan(1);
  expect(standIn.asked.length).toBeLessThan(20);
});

test("a signal ends a watch that waits for the shop", async () => {
  const leaving = new AbortController();
  standIn.answer("WatchOrder", () => {
    setTimeout(() => leaving.abort(new Error("the page was closed")));
    throw new ConnectError("away", Code.Unavailable);
  });
  await expect(sequencesOf(connect().watchOrder("1", { signal: leaving.signal }))).rejects.toMatchObject({
    code: Code.Canceled,
    message: "the page was closed",
  });
});
