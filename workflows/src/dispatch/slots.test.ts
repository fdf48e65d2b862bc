import { expect, test, vi } from "vitest";
import { createSlots } from "./slots.ts";

const never = new AbortController().signal;

/** A batch that ends when the test says so. */
function batch() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { ended: promise, end: resolve, fail: reject };
}

/** Returns true if another batch may start now. */
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

test("the next batch waits for the end of this one, whether it succeeded or failed", async () => {
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

test("the next batch starts when the newest is nearly finished, but never more than maxBatches run", async () => {
  const slots = createSlots({ maxBatches: 2, staggerMs: 60_000 });
  const [one, two] = [batch(), batch()];
  const oneIsNearlyFinished = slots.take(one.ended);
  const waiting = slots.free(never);
  oneIsNearlyFinished();
  await waiting;

  const twoIsNearlyFinished = slots.take(two.ended);
  expect(await isFree(slots)).toBe(false);
  twoIsNearlyFinished();
  expect(await isFree(slots)).toBe(false);
  one.end();
  await slots.free(never);

  two.end();
  await slots.idle();
});

test("an older batch that is nearly finished does not let the next one start", async () => {
  const slots = createSlots({ maxBatches: 4, staggerMs: 60_000 });
  const [older, newest] = [batch(), batch()];
  const olderIsNearlyFinished = slots.take(older.ended);
  slots.take(newest.ended);
  olderIsNearlyFinished();

  expect(await isFree(slots)).toBe(false);
  older.end();
  newest.end();
  await slots.idle();
});

test("the next batch starts when the newest has been running for staggerMs", async () => {
  const slots = createSlots({ maxBatches: 4, staggerMs: 20 });
  const one = batch();
  slots.take(one.ended);
  await slots.free(never);
  one.end();
  await slots.idle();
});
