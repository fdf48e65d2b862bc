import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { failureOf } from "../rpc/failure.ts";
import { readPosition, readWholeNumber } from "./whole-number.ts";

test.each([
  ["0", 0],
  [" 12 ", 12],
  ["-3", -3],
  ["2147483647", 2_147_483_647],
])("%j is the whole number %d", (text, number) => {
  expect(readWholeNumber(text)).toBe(number);
});

test.each(["", "1.5", "1e3", "three", "2147483648", "-2147483648", "99999999999"])(
  "%j is refused as a whole number, with a sentence",
  (text) => {
    expect(failureOf(thrownBy(() => readWholeNumber(text)))).toMatchObject({
      code: Code.InvalidArgument,
      message: `"${text}" is not a whole number up to 2,147,483,647`,
    });
  },
);

test.each(["", "-1", "1.5", "12345678901234567890"])("%j is refused as a position, with a sentence", (text) => {
  expect(readPosition(" 42 ")).toBe(42n);
  expect(failureOf(thrownBy(() => readPosition(text)))).toMatchObject({ code: Code.InvalidArgument });
});

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
