import { expect, test } from "vitest";
import { atMost, within } from "./at-most.ts";

const never = new Promise<never>(() => {});

test("atMost ends with the promise", async () => {
  await atMost(60_000, Promise.resolve());
});

test("atMost ends when the time is over", async () => {
  await atMost(1, never);
});

test("atMost rejects as the promise does", async () => {
  await expect(atMost(60_000, Promise.reject(new Error("no")))).rejects.toThrow("no");
});

test("within gives the promise's value", async () => {
  expect(await within(60_000, Promise.resolve(7), () => new Error("late"))).toBe(7);
});

test("within rejects with the error for a late promise", async () => {
  await expect(within(1, never, () => new Error("late"))).rejects.toThrow("late");
});

test("within rejects as the promise does", async () => {
  await expect(within(60_000, Promise.reject(new Error("no")), () => new Error("late"))).rejects.toThrow("no");
});
