import { expect, test } from "vitest";
import { readRetryAfter } from "./post.ts";

const now = new Date("2026-03-01T12:00:00Z");

test.each([
  ["nothing", undefined, undefined],
  ["no time", "soon", undefined],
  ["an empty text", "", undefined],
  ["a negative number", "-5", 0],
  ["a fraction", "1.5", undefined],
  ["a date of another form", "2026-03-01", undefined],
  ["a time of day", "12:30", undefined],
  ["no seconds", "0", 0],
  ["seconds", "120", 120_000],
  ["seconds with spaces around", " 120 ", 120_000],
  ["seconds with zeros before", "0000000000120", 120_000],
  ["seconds of nine digits", "999999999", 999_999_999_000],
  ["seconds of ten digits", "9999999999", 9_999_999_999_000],
  ["seconds of thirty digits", "9".repeat(30), 1e30 * 1_000],
  ["seconds of a thousand digits", "9".repeat(1_000), Number.POSITIVE_INFINITY],
  ["a date", "Sun, 01 Mar 2026 12:01:00 GMT", 60_000],
  ["a date in the past", "Sun, 01 Mar 2026 11:00:00 GMT", 0],
])("%s is read as a pause", (_, value, ms) => {
  expect(readRetryAfter(value, now)).toBe(ms);
});
