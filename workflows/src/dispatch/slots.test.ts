import { expect, test, vi } from "vitest";
import { createSlots } from "./slots.ts";

const never = new AbortController().signal;

/** A batch that ends when it is told to. */
function batch() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { ended: promise, end: resolve, fail: reject };
}

/** Whether a place is free now. */
async function isFree(slots: ReturnType<typeof createSlots>): Promise<boolean> {
  const freed = vi.fn();
  const stop = new AbortController();
  const asking = slots.free(stop.signal).then(freed);
  await new Promise(setImmediate);
  const free = freed.mock.calls.length > 0;
  stop.abort();
  await asking;
  return free;
}

test("the next batch waits for the end of this one, whether it went well or not", async () => {
  const slots = createSlots({ maxBatches: 4, staggerMs: 60_000 });
  expect(await isFree(slots)).toBe(true);
  for (const how of ["end", "fail"] as const) {
    const one = batch();
    slots.take(one.ended);
    expect(await isFree(slots)).toBe(false);

    const waiting = slots.free(never);
    one[how]();
    await waiting;
    await slots.idle();
  }
});

test("or until the newest is as good as over, but never are there more than may be", async () => {
  const slots = createSlots({ maxBatches: 2, staggerMs: 60_000 });
  const [one, two] = [batch(), batch()];
  const oneIsNearlyOver = slots.take(one.ended);
  const waiting = slots.free(never);
  oneIsNearlyOver();
  await waiting;

  const twoIsNearlyOver = slots.take(two.ended);
  expect(await isFree(slots)).toBe(false);
  twoIsNearlyOver();
  expect(await isFree(slots)).toBe(false);
  one.end();
  await slots.free(never);

  two.end();
  await slots.idle();
});

test("the word of an older batch is not taken for that of the newest", async () => {
  const slots = createSlots({ maxBatches: 4, staggerMs: 60_000 });
  const [older, newest] = [batch(), batch()];
  const olderIsNearlyOver = slots.take(older.ended);
  slots.take(newest.ended);
  olderIsNearlyOver();

  expect(await isFree(slots)).toBe(false);
  older.end();
  newest.end();
  await slots.idle();
});

test("or until the newest has been under way for long", async () => {
  const slots = createSlots({ maxBatches: 4, staggerMs: 20 });
  const one = batch();
  slots.take(one.ended);
  await slots.free(never);
  one.end();
  await slots.idle();
});
