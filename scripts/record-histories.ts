import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { taskQueue } from "@sagacart/workflows/sagas/messages";
import type { syntheticCheckout } from "@sagacart/workflows/sagas/synthetic";
import { Client, Connection } from "@temporalio/client";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { connectShop, type Shop } from "./demo/shop.ts";
import { startStack } from "./stack/stack.ts";

// Records one run of each path through the workflows, for workflows/src/sagas/replay.test.ts. Run it at each release and
// after a change of a workflow, with a new prefix: older recordings must still replay.
//
//     node scripts/record-histories.ts v1
//     node scripts/record-histories.ts v1 synthetic-checkout-passed     only this path

const [prefix, ...only] = process.argv.slice(2);
if (prefix === undefined || !/^[a-z0-9.-]+$/.test(prefix)) {
  process.stderr.write(
    "usage: node scripts/record-histories.ts PREFIX [PATH …], for example PREFIX v1; file names begin with it\n",
  );
  process.exit(1);
}

await using stack = await startStack({
  stateDirectory: await mkdtemp(join(tmpdir(), "sagacart-record-")),
  ports: "free",
  temporary: true,
  settings: { fsync: "off" },
  log: (line) => process.stdout.write(`${line}\n`),
});
using shop = connectShop(stack.addresses);
const connection = await Connection.connect({ address: stack.temporal.address });
const temporal = new Client({ connection, namespace: stack.temporal.namespace });
const directory = fileURLToPath(new URL("../workflows/histories/", import.meta.url));
await mkdir(directory, { recursive: true });

for (const [name, follow] of Object.entries(paths())) {
  if (only.length > 0 && !only.includes(name)) {
    continue;
  }
  const workflowId = await follow(shop);
  const handle = temporal.workflow.getHandle(workflowId);
  await handle.result();
  const history = withoutStacks(historyToJSON(await handle.fetchHistory()));
  await writeFile(join(directory, `${prefix}-${name}.json`), `${history}\n`);
  process.stdout.write(`recorded ${prefix}-${name}: ${workflowId}\n`);
}
await connection.close();

/** Removes stacks: they contain paths of the recording machine, and no replay reads them. */
function withoutStacks(history: string): string {
  const parsed: unknown = JSON.parse(history, (key, value) => (key === "stackTrace" ? "" : value));
  return JSON.stringify(parsed, undefined, 2);
}

/** Functions that drive an order along one path of the saga, and return the id of the workflow to record. */
function paths(): Record<string, (shop: Shop) => Promise<string>> {
  const place = async (shop: Shop, onHand: number, request: object) => {
    const { product } = await shop.products.createProduct({
      product: { title: "Thing", price: { currencyCode: "USD", minorUnits: 100n } },
      initialOnHand: onHand,
    });
    const { order } = await shop.orders.checkout(
      { customerId: "rec", orderId: uuidv7(), lines: [{ productId: product!.id, quantity: 1 }], ...request },
      { timeoutMs: 60_000 },
    );
    return order!;
  };
  const address = { recipient: "A", line1: "B", city: "C", postalCode: "00000", countryCode: "US" };
  const carrierOf = async (shop: Shop, id: string) => (await shop.orders.getOrder({ id })).order!.workflowId;
  return {
    "checkout-completed": async (shop) => (await place(shop, 1, { paymentMethod: "pm_ok" })).workflowId,
    "checkout-sold-out": async (shop) => (await place(shop, 0, { paymentMethod: "pm_ok" })).workflowId,
    "checkout-declined": async (shop) => (await place(shop, 1, { paymentMethod: "pm_declined" })).workflowId,
    "checkout-not-shipped": async (shop) =>
      (await place(shop, 1, { paymentMethod: "pm_ok", shippingAddress: address })).workflowId,
    "checkout-held-up": async (shop) => {
      await stack.kill("shipping", "SIGKILL");
      const { workflowId } = await place(shop, 1, { paymentMethod: "pm_ok", waitFor: WaitFor.PAID });
      await stack.start("shipping");
      return workflowId;
    },
    "order-waits-for-provider": async (shop) => {
      const { id } = await place(shop, 1, { paymentMethod: "pm_slow" });
      return await carrierOf(shop, id);
    },
    "order-paid-later": async (shop) => {
      const { id } = await place(shop, 1, { payLater: true });
      await shop.orders.payOrder({ id, paymentMethod: "pm_declined" }, { timeoutMs: 60_000 });
      await shop.orders.payOrder({ id, paymentMethod: "pm_ok" }, { timeoutMs: 60_000 });
      return await carrierOf(shop, id);
    },
    "order-cancelled": async (shop) => {
      const { id } = await place(shop, 1, { payLater: true });
      await shop.orders.cancelOrder({ id }, { timeoutMs: 60_000 });
      return await carrierOf(shop, id);
    },
    "order-expired": async (shop) => {
      const { id } = await place(shop, 1, { payLater: true, payWithin: { seconds: 1n } });
      for await (const _ of shop.orders.watchOrder({ id })) {
        // Reads the stream to its end.
      }
      return await carrierOf(shop, id);
    },
    "refund-settled": async (shop) => {
      const { id } = await place(shop, 1, { paymentMethod: "pm_ok" });
      const { refund } = await shop.orders.refundOrder({ orderId: id }, { timeoutMs: 60_000 });
      return `refund-${refund!.paymentRefundId}`;
    },
    "synthetic-checkout-passed": async () => {
      const workflowId = `gate-${uuidv7()}`;
      await temporal.workflow.start<typeof syntheticCheckout>("syntheticCheckout", {
        workflowId,
        taskQueue,
        args: [{}],
      });
      return workflowId;
    },
  };
}
