import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Channel, createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { operatorTokens } from "./tokens.ts";

const usd = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });

/** The catalogue of the Wippy shop, with its order and its stock. */
const products = [
  { onHand: 50, product: { id: "product.laptop", sku: "LAPTOP-001", title: "Laptop Pro 16", price: usd(149_999n) } },
  {
    onHand: 200,
    product: { id: "product.keyboard", sku: "KB-002", title: "Mechanical Keyboard", price: usd(14_999n) },
  },
  { onHand: 300, product: { id: "product.mouse", sku: "MOUSE-003", title: "Wireless Mouse", price: usd(7_999n) } },
  { onHand: 75, product: { id: "product.monitor", sku: "MON-004", title: "4K Monitor 27", price: usd(59_999n) } },
  {
    onHand: 150,
    product: { id: "product.headphones", sku: "HP-005", title: "Noise-Cancelling Headphones", price: usd(29_999n) },
  },
];
const customers = ["alice", "bob"];
const money = usd(1_000_000n);

/**
 * Seeds a new shop with the catalogue and two customers with 10,000.00 USD each. Runs once per state folder, so later
 * changes are kept. An interrupted run is repeated with the same request ids and has no effect twice.
 */
export async function seed(shop: {
  readonly stateDirectory: string;
  readonly addresses: Readonly<Record<string, string>>;
}): Promise<"seeded" | "already seeded"> {
  const done = join(shop.stateDirectory, "seeded");
  if (existsSync(done)) return "already seeded";
  const tokens = operatorTokens(shop.addresses);
  using stock = openChannel(addressOf(shop.addresses, "stock"), { tokens });
  using payment = openChannel(addressOf(shop.addresses, "payment"), { tokens });
  await fillWhenServed({ stock, payment });
  await writeFile(done, `${new Date().toISOString()}\n`);
  return "seeded";
}

/**
 * Fills the shop, and repeats that while a service is unavailable: on a slow machine, services start without identity and
 * refuse tokens until they have asked it which are revoked, and a sign-in takes longer than a call may.
 */
async function fillWhenServed(channels: { stock: Channel; payment: Channel }): Promise<void> {
  const endMs = performance.now() + 60_000;
  for (;;) {
    try {
      return await fill(channels);
    } catch (error) {
      if (!busy.includes(ConnectError.from(error).code) || performance.now() > endMs) throw error;
      await setTimeout(500);
    }
  }
}

const busy: readonly Code[] = [Code.Unavailable, Code.DeadlineExceeded];

/** Seeds the shop behind these channels. A repeat within about a day changes nothing. */
export async function fill({ stock, payment }: { stock: Channel; payment: Channel }): Promise<void> {
  const catalogue = createServiceClient(ProductService, stock);
  const accounts = createServiceClient(AccountService, payment);
  // One after the other: products are listed in the order of their creation.
  for (const { product, onHand } of products) {
    await catalogue.createProduct({ product, initialOnHand: onHand, requestId: `seed.${product.id}` });
  }
  for (const customerId of customers) {
    await accounts.createAccount({
      customerId,
      currencyCode: money.currencyCode,
      requestId: `seed.account.${customerId}`,
    });
    await accounts.deposit({ customerId, amount: money, requestId: `seed.deposit.${customerId}` });
  }
}

function addressOf(addresses: Readonly<Record<string, string>>, name: string): string {
  const address = addresses[name];
  if (address === undefined) throw new Error(`the shop has no address of ${name}`);
  return address;
}
