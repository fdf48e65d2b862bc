import { create } from "@bufbuild/protobuf";
import { JournalLineSchema } from "@sagacart/proto/payment/v1/account";
import { expect, test } from "vitest";
import { amountsMoved, linesOf } from "./journal-lines.ts";

const line = (customerId: string, minorUnits: bigint, currencyCode = "USD") =>
  create(JournalLineSchema, {
    account: { case: "customerId", value: customerId },
    amount: { currencyCode, minorUnits },
  });
const lines = [line("a", -500n), line("b", 200n), line("b", 200n), line("c", 100n), line("d", 0n)];

test("an entry moved what all its accounts gained, by currency", () => {
  expect(amountsMoved(lines)).toEqual([{ currencyCode: "USD", minorUnits: 500n }]);
  expect(amountsMoved([...lines, line("a", 5n, "EUR"), line("b", -5n, "EUR")])).toEqual([
    { currencyCode: "USD", minorUnits: 500n },
    { currencyCode: "EUR", minorUnits: 5n },
  ]);
  expect(amountsMoved([])).toEqual([]);
});

test("each account that gained or lost is named once, also with two equal lines", () => {
  expect(linesOf(lines, 1n).map(({ account }) => account.value)).toEqual(["b", "c"]);
  expect(linesOf(lines, -1n).map(({ account }) => account.value)).toEqual(["a"]);
});
