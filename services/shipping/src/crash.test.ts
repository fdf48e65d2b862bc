import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createServiceClient, openChannel } from "@sagacart/chassis/client";
import { testDatabase } from "@sagacart/chassis/testing";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { expect, test } from "vitest";
import { addressTo, shippingEnv, startTestCarrier, startWebhookEntrance } from "./testing.ts";

test("a shipping that is killed between asking the carrier and its answer leaves one shipment, and it settles", async () => {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await testDatabase(new URL("../migrations/", import.meta.url)));
  const webhooks = stack.use(await startWebhookEntrance());
  const carrier = stack.use(await startTestCarrier(webhooks.url));
  const env = shippingEnv({ databaseUrl: database.url, carrierUrl: carrier.url });
  // Slow, late and at once; and more than the carrier is asked for at a time, so that some were not their turn.
  const postalCodes = ["00002", "00001", "00003", "10115"];
  const items = Array.from({ length: 40 }, (_, index) => ({
    orderId: `killed-${index}`,
    customerId: "customer-1",
    address: addressTo(postalCodes[index % postalCodes.length]!),
  }));

  const first = await startProcess({ ...env, CARRIER_CONCURRENCY: "20" });
  stack.defer(() => kill(first));
  const unanswered = first.shipping.batchCreateShipments({ items }).catch(() => "unanswered");
  await expect.poll(async () => (await carrier.list()).length, { interval: 5 }).toBeGreaterThanOrEqual(4);
  await kill(first);
  await unanswered;
  const open = () => database.pool.query("select order_id from shipments where state = 'PENDING'");
  expect((await open()).rowCount).toBeGreaterThan(0);

  // What its calls were leased for is over at once, instead of after their timeout.
  await database.pool.query("update shipments set ask_time = now() where state = 'PENDING'");
  const second = await startProcess(env);
  stack.defer(() => kill(second));
  webhooks.open(second.shipping);
  await expect.poll(async () => (await open()).rowCount).toBe(0);
  const { outcomes } = await second.shipping.batchCreateShipments({ items });
  expect(outcomes.map(({ outcome }) => outcome.case)).toEqual(items.map(() => "accepted"));
  const taken = await carrier.list();
  expect(taken.map(({ key }) => key).sort()).toEqual(items.map(({ orderId }) => orderId).sort());
  expect(taken.every(({ status }) => status === "accepted")).toBe(true);
  const events = await database.pool.query("select subject from events");
  expect(events.rowCount).toBe(items.length);
});

async function startProcess(env: Record<string, string>) {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, AUTH: "off", ...env, PORT: "0", ADMIN_PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const channel = openChannel(`127.0.0.1:${await portOf(child)}`);
  return { child, channel, shipping: createServiceClient(ShippingService, channel) };
}

async function portOf(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const { msg, port } = JSON.parse(line) as { msg: string; port: number };
    if (msg === "ready") {
      child.stdout?.resume();
      return port;
    }
  }
  throw new Error("shipping ended before it was ready");
}

async function kill({ child, channel }: Awaited<ReturnType<typeof startProcess>>): Promise<void> {
  channel.close();
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}
