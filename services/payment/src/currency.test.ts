import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attempt, chargeAll, fund } from "./testing/calls.ts";
import { startTestPayment, type TestPayment } from "./testing/stack.ts";

let shop: TestPayment;
beforeAll(async () => {
  shop = await startTestPayment();
  await fund(shop, "ada", 1_000n);
});
afterAll(() => shop[Symbol.asyncDispose]());

test.each(["ZZZ", "BGN", "HRK", "DEM", "XAU", "XXX"])("nothing new is made in %s", async (currencyCode) => {
  const amount = { currencyCode, minorUnits: 1n };
  const calls: [string, Promise<unknown>][] = [
    ["currency_code", shop.accounts.createAccount({ customerId: "bob", currencyCode })],
    ["amount.currency_code", shop.accounts.deposit({ customerId: "ada", amount })],
    ["amount.currency_code", shop.payments.createPayment({ customerId: "ada", amount })],
    [
      "items[0].balance.currency_code",
      shop.accounts.batchPutAccounts({ items: [{ customerId: "b", balance: amount }] }),
    ],
  ];
  for (const [field, call] of calls) {
    const { code, violations } = errorInfo(await call.catch((error) => error));
    expect({ code, fields: violations.map((violation) => violation.field) }).toEqual({
      code: Code.InvalidArgument,
      fields: [field],
    });
  }
});

test("a recorded amount may be in a currency since withdrawn: a charge for its order is decided", async () => {
  const amount = { currencyCode: "BGN", minorUnits: 5n };
  expect(await chargeAll(shop, [attempt("o-1", { amount })])).toEqual(["DECLINED currency_mismatch"]);
});
