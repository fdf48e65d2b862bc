import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attempt, fund, paymentOf, usd } from "./testing/calls.ts";
import { startTestPayment, type TestPayment } from "./testing/stack.ts";

let shop: TestPayment;
let paymentId: string;
beforeAll(async () => {
  shop = await startTestPayment();
  await fund(shop, "ada", 10n ** 15n);
  await shop.payments.charge(attempt("paid"));
  paymentId = (await paymentOf(shop, "paid")).id;
});
afterAll(() => shop[Symbol.asyncDispose]());

const texts = [
  "",
  ".",
  "..",
  "\0",
  "a\0b",
  "'; drop table postings; --",
  "\r\nx: y",
  "\u202e\u{1F4A9}",
  "%00",
  "../../etc/passwd",
  "x".repeat(300),
  "ß".repeat(63),
  "00000000-0000-0000-0000-000000000000",
];
const expected = [Code.InvalidArgument, Code.NotFound, Code.FailedPrecondition, Code.Unauthenticated];

async function codeOf(call: Promise<unknown>): Promise<Code | "ok"> {
  return await call.then(
    () => "ok" as const,
    (error) => errorInfo(error).code,
  );
}

test.each(texts)("%j in any field is accepted or refused, never an internal error", async (text) => {
  const { accounts, payments, events, commands } = shop;
  const token = (of: string, ...key: unknown[]) => Buffer.from(JSON.stringify([of, ...key])).toString("base64url");
  const money = { currencyCode: text, minorUnits: 1n };
  const calls = [
    accounts.createAccount({ customerId: text }),
    accounts.createAccount({ currencyCode: text }),
    accounts.createAccount({ requestId: text }),
    accounts.getAccount({ customerId: text }),
    accounts.getAccount({ customerId: "ada", currencyCode: text }),
    accounts.listAccounts({ pageToken: text }),
    accounts.listAccounts({ pageToken: token("accounts", text, text) }),
    accounts.listAccounts({ pageToken: token("accounts", text, "USD") }),
    accounts.deposit({ customerId: text, amount: usd(1n) }),
    accounts.deposit({ customerId: "ada", amount: money }),
    accounts.deposit({ customerId: "ada", amount: usd(1n), requestId: text }),
    accounts.listPostings({ customerId: text }),
    accounts.listPostings({ customerId: "ada", pageToken: text }),
    accounts.listPostings({ customerId: "ada", pageToken: token("postings of ada USD", text, 1) }),
    accounts.listPostings({ customerId: "ada", pageToken: token("postings of ada USD", paymentId, 1e30) }),
    accounts.listJournalEntries({ paymentId: text }),
    accounts.listJournalEntries({ pageToken: text }),
    accounts.listJournalEntries({ pageToken: token("journal ", text) }),
    accounts.getJournalEntry({ id: text }),
    accounts.batchPutAccounts({ items: [{ customerId: text, balance: usd(1n) }] }),
    accounts.batchPutAccounts({ items: [{ customerId: "c", balance: money }] }),
    payments.batchCharge({ items: [attempt(text)] }),
    payments.batchCharge({ items: [attempt("h", { customerId: text })] }),
    payments.batchCharge({ items: [attempt(`m-${texts.indexOf(text)}`, { paymentMethod: text })] }),
    payments.batchCharge({ items: [attempt(`c-${texts.indexOf(text)}`, { amount: money })] }),
    payments.batchVoid({ items: [{ orderId: text }] }),
    payments.charge(attempt(text)),
    payments.createPayment({ customerId: text, amount: usd(1n) }),
    payments.createPayment({ customerId: "ada", amount: money }),
    payments.createPayment({ customerId: "ada", amount: usd(1n), paymentMethod: text }),
    payments.createPayment({ customerId: "ada", amount: usd(1n), reference: text }),
    payments.createPayment({ customerId: "ada", amount: usd(1n), requestId: text }),
    payments.getPayment({ id: text }),
    payments.getPayment({ id: paymentId, customerId: text }),
    payments.listPayments({ orderId: text }),
    payments.listPayments({ customerId: text }),
    payments.listPayments({ pageToken: text }),
    payments.listPayments({ pageToken: token("payments of  ", text) }),
    payments.refundPayment({ paymentId: text, amount: usd(1n) }),
    payments.refundPayment({ paymentId, amount: money }),
    payments.refundPayment({ paymentId, amount: usd(1n), refundId: text }),
    payments.refundPayment({ paymentId, amount: usd(1n), reason: text }),
    payments.refundPayment({ paymentId, amount: usd(1n), requestId: text }),
    payments.getRefund({ id: text }),
    payments.listRefunds({ paymentId: text }),
    payments.listRefunds({ orderId: text }),
    payments.listRefunds({ pageToken: text }),
    payments.listRefunds({ pageToken: token("refunds of  ", text) }),
    payments.receiveWebhook({ provider: text, body: Buffer.from(text), signature: text }),
    payments.receiveWebhook({ provider: "card", body: Buffer.from(text), signature: text }),
    events.readEvents({ types: [text] }),
    commands.claimCommands({ claimer: text, kinds: [text], maxCommands: 1, wait: {}, lease: { seconds: 1n } }),
    commands.confirmCommands({ batchId: text }),
  ];
  for (const [index, code] of (await Promise.all(calls.map(codeOf))).entries()) {
    expect(["ok", ...expected], `call ${index}`).toContain(code);
  }
});

test.each([
  ["paymentMethod", () => shop.payments.createPayment({ customerId: "ada", amount: usd(1n), paymentMethod: "a\0" })],
  ["reference", () => shop.payments.createPayment({ customerId: "ada", amount: usd(1n), reference: "a\0" })],
  ["reason", () => shop.payments.refundPayment({ paymentId, reason: "a\0" })],
  ["items[0].paymentMethod", () => shop.payments.batchCharge({ items: [attempt("o", { paymentMethod: "a\0" })] })],
])("a NUL byte is refused, and the field is named: %s", async (field, call) => {
  expect(errorInfo(await call().catch((error) => error))).toMatchObject({
    code: Code.InvalidArgument,
    violations: [{ field: field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) }],
  });
});

const huge = [-1n, 10n ** 15n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];

test.each(huge)("an amount of %d is refused", async (minorUnits) => {
  const { accounts, payments } = shop;
  const amount = usd(minorUnits);
  const calls = [
    accounts.deposit({ customerId: "ada", amount }),
    accounts.batchPutAccounts({ items: [{ customerId: "ada", balance: amount }] }),
    payments.charge(attempt("huge", { amount })),
    payments.batchCharge({ items: [attempt("huge", { amount })] }),
    payments.createPayment({ customerId: "ada", amount }),
    payments.refundPayment({ paymentId, amount }),
  ];
  expect(new Set(await Promise.all(calls.map(codeOf)))).toEqual(new Set([Code.InvalidArgument]));
});

test("an amount of zero is refused in a deposit, a manual payment and a refund", async () => {
  const calls = [
    shop.accounts.deposit({ customerId: "ada", amount: usd(0n) }),
    shop.payments.createPayment({ customerId: "ada", amount: usd(0n) }),
    shop.payments.refundPayment({ paymentId, amount: usd(0n) }),
    shop.accounts.deposit({ customerId: "ada" }),
    shop.payments.createPayment({ customerId: "ada" }),
  ];
  expect(new Set(await Promise.all(calls.map(codeOf)))).toEqual(new Set([Code.InvalidArgument]));
});

test.each([-1, 1_000_001, 2 ** 31 - 1])("a page of %d is refused", async (pageSize) => {
  const calls = [
    shop.accounts.listAccounts({ pageSize }),
    shop.accounts.listPostings({ customerId: "ada", pageSize }),
    shop.accounts.listJournalEntries({ pageSize }),
    shop.payments.listPayments({ pageSize }),
    shop.payments.listRefunds({ pageSize }),
  ];
  expect(new Set(await Promise.all(calls.map(codeOf)))).toEqual(new Set([Code.InvalidArgument]));
});

test.each([
  ["nothing in it", []],
  ["an order twice", [attempt("o"), attempt("o", { attempt: 2 })]],
  ["1,001 orders", Array.from({ length: 1_001 }, (_, index) => attempt(`o-${index}`))],
  ["an attempt 0", [attempt("o", { attempt: 0 })]],
  ["an attempt 21", [attempt("o", { attempt: 21 })]],
])("a batch of charges with %s is refused", async (_, items) => {
  expect(await codeOf(shop.payments.batchCharge({ items }))).toBe(Code.InvalidArgument);
});

test.each([
  ["nothing in it", []],
  ["an order twice", [{ orderId: "o" }, { orderId: "o", attempt: 2 }]],
  ["1,001 orders", Array.from({ length: 1_001 }, (_, index) => ({ orderId: `o-${index}` }))],
  ["an attempt 21", [{ orderId: "o", attempt: 21 }]],
])("a batch of voids with %s is refused", async (_, items) => {
  expect(await codeOf(shop.payments.batchVoid({ items }))).toBe(Code.InvalidArgument);
});
