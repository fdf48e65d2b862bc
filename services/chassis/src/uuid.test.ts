import { validate, version } from "uuid";
import { expect, test } from "vitest";
import { uuidv7 } from "./uuid.ts";

test("ids are UUIDs of version 7, no two alike, and sort as they were made", () => {
  const ids = Array.from({ length: 100_000 }, () => uuidv7());

  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
});

test("an id begins with the time it was made at", () => {
  const before = Date.now();
  const madeAt = Number.parseInt(uuidv7().replaceAll("-", "").slice(0, 12), 16);

  expect(madeAt).toBeGreaterThanOrEqual(before);
  expect(madeAt).toBeLessThanOrEqual(Date.now() + 1);
});
