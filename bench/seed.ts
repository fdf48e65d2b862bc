import type { CallTokens } from "@sagacart/chassis/auth/service-tokens";
import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { chunked } from "@sagacart/workflows/activities/chunks";
import {
  brokeCount,
  brokeId,
  customerCount,
  customerId,
  hotProductId,
  productCount,
  productId,
  soldOutCount,
  soldOutId,
} from "./mix.ts";

/** Fills the shop with products with and without stock, and customers with and without money. */
export async function seedShop(addresses: { stock: string; payment: string }, tokens: CallTokens): Promise<void> {
  using stock = openChannel(addresses.stock, { tokens });
  using payment = openChannel(addresses.payment, { tokens });
  const products = createServiceClient(ProductService, stock);
  const accounts = createServiceClient(AccountService, payment);
  const items = [
    ...times(productCount, (index) => item(productId(index), plenty)),
    ...times(soldOutCount, (index) => item(soldOutId(index), 0)),
    item(hotProductId, plenty),
  ];
  for (const some of chunked(items, 1_000)) {
    await products.batchPutProducts({ items: some }, { timeoutMs: 60_000 });
  }
  const balances = [
    ...times(customerCount, (index) => balance(customerId(index), 10n ** 11n)),
    ...times(brokeCount, (index) => balance(brokeId(index), 0n)),
  ];
  for (const some of chunked(balances, 1_000)) {
    await accounts.batchPutAccounts({ items: some }, { timeoutMs: 60_000 });
  }
}

const plenty = 100_000_000;

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function item(id: string, onHand: number) {
  return { product: { id, title: id, price: { currencyCode: "EUR", minorUnits: 1_999n } }, onHand };
}

function balance(customerId: string, minorUnits: bigint) {
  return { customerId, balance: { currencyCode: "EUR", minorUnits } };
}
