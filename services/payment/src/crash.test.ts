import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { startProcess } from "@sagacart/chassis/testing/process";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { startWebhookEntrance } from "@sagacart/provider/testing/webhook-entrance";
import { expect, test } from "vitest";
import { auditBooks } from "./testing/books.ts";
import { attempt, chargeAll, untilSettled, voidAll } from "./testing/calls.ts";
import { startTestProvider } from "./testing/card-provider.ts";
import { migrations, paymentEnv } from "./testing/stack.ts";

test("a process that is killed between intent and answer leaves one charge for each order, and all settle", async () => {
  await using stack = new AsyncDisposableStack();
  const { pool, url: databaseUrl } = stack.use(await testDatabase(migrations));
  const webhooks = stack.use(await startWebhookEntrance("card"));
  const provider = stack.use(await startTestProvider(webhooks.url));
  const env = paymentEnv({ databaseUrl, providerUrl: provider.url });
  const start = async (other: Record<string, string> = {}) => {
    const process = stack.use(await startProcess(new URL("main.ts", import.meta.url), { ...env, ...other }));
    const channel = openChannel(`127.0.0.1:${process.ready.port}`);
    stack.defer(() => channel.close());
    return { ...process, payments: createServiceClient(PaymentService, channel) };
  };
  // Slow, late, lost and at once; and more than are asked for at a time, so that some were not their turn.
  const methods = ["pm_slow", "pm_late", "pm_lost_answer", "pm_ok"];
  const items = Array.from({ length: 40 }, (_, index) =>
    attempt(`killed-${index}`, { paymentMethod: methods[index % methods.length]! }),
  );

  const first = await start({ PROVIDER_CONCURRENCY: "20" });
  const unanswered = first.payments.batchCharge({ items }).catch(() => "unanswered");
  await expect.poll(async () => (await provider.list()).length, { interval: 5 }).toBeGreaterThanOrEqual(4);
  await first.kill();
  await unanswered;
  const pending = async () => (await pool.query("select order_id from payments where state = 'PENDING'")).rowCount;
  expect(await pending()).toBeGreaterThan(0);

  // What its calls were leased for is over at once, instead of after their timeout.
  await pool.query("update payments set next_ask_time = now() where state = 'PENDING'");
  const second = await start();
  webhooks.open(second.payments);
  await untilSettled({ pool });

  expect(await chargeAll(second, items)).toEqual(items.map(() => "captured"));
  const charged = await provider.list();
  expect(charged).toHaveLength(items.length);
  expect(charged.every(({ status }) => status === "captured")).toBe(true);
  expect(new Set(await voidAll(second, items))).toEqual(new Set(["refunded"]));
  expect((await provider.list()).every(({ amountMinor, refundedMinor }) => amountMinor === refundedMinor)).toBe(true);
  expect(await auditBooks(pool)).toEqual([]);
});
