import { validate, version } from "uuid";
import { expect, test } from "vitest";
import { uuidTimeMs, uuidv7 } from "./uuid.ts";

test("ids are UUIDs of version 7, no two alike, and sort as they were made", () => {
  const ids = Array.from({ length: 100_000 }, () => uuidv7());

  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
});

test("an id begins with the time it was made at", () => {
  const before = Date.now();
  const madeAt = uuidTimeMs(uuidv7());

  expect(madeAt).toBeGreaterThanOrEqual(before);
  expect(madeAt).toBeLessThanOrEqual(Date.now() + 1);
});

test.each(["", "order-1", "8f14e45f-ceea-467f-a9d6-3b1b0a1d2c3e", "0190aaaa-bbbb"])("%j holds no time", (id) => {
  expect(uuidTimeMs(id)).toBeNaN();
});

test("the time of a known id", () => {
  // The example of RFC 9562, appendix A.6.
  expect(uuidTimeMs("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")).toBe(1_645_557_742_000);
});
