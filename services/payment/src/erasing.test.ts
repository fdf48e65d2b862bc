import { createClient } from "@connectrpc/connect";
import { openChannel } from "@sagacart/chassis/client/client";
import { errorInfo } from "@sagacart/chassis/errors";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { silentLog } from "@sagacart/chassis/testing/log";
import { startTestIdentityFeed } from "@sagacart/privacy/testing/identity";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { expect, test } from "vitest";
import { startPaymentErasing } from "./erasing.ts";
import { startTestPayment } from "./testing/stack.ts";

test("no account of a deleted customer is opened or set, by itself or among others", async () => {
  await using stack = new AsyncDisposableStack();
  const identity = stack.use(await startTestIdentityFeed());
  const { pool, routes } = stack.use(await startTestPayment());
  const channel = stack.use(openChannel(identity.address));
  const erasing = startPaymentErasing({ pool, log: silentLog, channel, settleMs: 0 });
  for (const part of erasing.background) {
    stack.use(part);
  }
  const accounts = createClient(AccountService, inMemory(erasing.routes(routes), "payment.sagacart"));
  const balance = { currencyCode: "USD", minorUnits: 5n };
  await identity.deleteUsers(["ada"]);
  await expect.poll(() => erasing.isErased("ada")).toBe(true);

  for (const refused of [
    accounts.createAccount({ customerId: "ada", currencyCode: "USD" }),
    accounts.batchPutAccounts({ items: [{ customerId: "ada", balance }] }),
    accounts.batchPutAccounts({
      items: [
        { customerId: "bob", balance },
        { customerId: "ada", balance },
      ],
    }),
  ]) {
    expect(await refused.catch(errorInfo)).toMatchObject({
      reason: "CUSTOMER_ERASED",
      metadata: { customer_id: "ada" },
    });
  }
  const { rows } = await pool.query("select from accounts where customer_id in ('ada', 'bob')");
  expect(rows).toEqual([]);
  expect(await accounts.batchPutAccounts({ items: [{ customerId: "bob", balance }] })).toMatchObject({ count: 1 });
});
