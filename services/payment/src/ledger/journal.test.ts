import { errorInfo } from "@sagacart/chassis/errors";
import type { JournalEntry } from "@sagacart/proto/payment/v1/account";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attempt, chargeAll, fund, paymentOf, reasonOf, usd } from "../testing/calls.ts";
import { startTestPayment, type TestPayment } from "../testing/stack.ts";

let shop: TestPayment;
beforeAll(async () => {
  shop = await startTestPayment();
  await fund(shop, "ada", 1_000n);
});
afterAll(() => shop[Symbol.asyncDispose]());

const linesOf = ({ lines }: JournalEntry) =>
  lines.map(({ account, amount }) => [account.value, amount?.currencyCode, amount?.minorUnits]);

test("the entries of a payment are listed newest first, each with all its lines", async () => {
  expect(await chargeAll(shop, [attempt("o-1"), attempt("o-2")])).toEqual(["captured", "captured"]);
  const payment = await paymentOf(shop, "o-1");
  await shop.payments.refundPayment({ paymentId: payment.id, amount: usd(30n) });

  const { entries, nextPageToken } = await shop.accounts.listJournalEntries({ paymentId: payment.id });

  expect(entries.map(({ kind, reference }) => [kind, reference])).toEqual([
    ["refund", payment.id],
    ["charge", payment.id],
  ]);
  expect(entries.map(linesOf)).toEqual([
    [
      ["ada", "USD", 30n],
      ["sales", "USD", -30n],
    ],
    [
      ["ada", "USD", -100n],
      ["sales", "USD", 100n],
    ],
  ]);
  expect(nextPageToken).toBe("");
  for (const entry of entries) {
    expect((await shop.accounts.getJournalEntry({ id: entry.id })).entry).toEqual(entry);
  }
});

test("pages of the whole journal have each entry once, with lines that sum to zero", async () => {
  const all = (await shop.accounts.listJournalEntries({ pageSize: 200 })).entries;
  const paged: JournalEntry[] = [];
  let pageToken = "";
  do {
    const page = await shop.accounts.listJournalEntries({ pageSize: 2, pageToken });
    paged.push(...page.entries);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");

  expect(paged).toEqual(all);
  expect(all.length).toBeGreaterThan(2);
  for (const { lines } of all) {
    expect(lines.reduce((sum, { amount }) => sum + (amount?.minorUnits ?? 0n), 0n)).toBe(0n);
  }
});

test("an entry that was made by hand names who made it", async () => {
  await shop.accounts.createAccount({ customerId: "bea" });
  await shop.accounts.deposit({ customerId: "bea", amount: usd(5n) });
  const { entries } = await shop.accounts.listJournalEntries({ pageSize: 1 });
  expect(entries[0]).toMatchObject({ kind: "deposit", actor: {} });
});

test.each(["nothing", "01234567-89ab-7def-8123-456789abcdef", "0", "%"])("entry %s is not found", async (id) => {
  const valid = /^[A-Za-z0-9._~-]+$/.test(id);
  const error = errorInfo(await shop.accounts.getJournalEntry({ id }).catch((error: unknown) => error));
  expect(error.reason).toBe(valid ? "JOURNAL_ENTRY_NOT_FOUND" : "INVALID_ARGUMENT");
});

test("a payment that does not exist has no entries, and a token holds for its payment only", async () => {
  expect((await shop.accounts.listJournalEntries({ paymentId: "nothing" })).entries).toEqual([]);
  const { nextPageToken } = await shop.accounts.listJournalEntries({ pageSize: 1 });
  expect(await reasonOf(shop.accounts.listJournalEntries({ paymentId: "other", pageToken: nextPageToken }))).toBe(
    "BAD_PAGE_TOKEN",
  );
});
