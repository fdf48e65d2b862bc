import { identityTables } from "./tables/identity.ts";
import { notifierTables } from "./tables/notifier.ts";
import { orderTables } from "./tables/order.ts";
import { paymentTables } from "./tables/payment.ts";
import { shippingTables } from "./tables/shipping.ts";
import { stockTables } from "./tables/stock.ts";
import type { Tables } from "./tables/table.ts";

/**
 * The decision about every column of every service: personal, with its deletion, or not personal. Deletion, export, audit
 * and docs/privacy.md follow it. A column without a decision fails a test.
 */
export const personalData = {
  identity: identityTables,
  order: orderTables,
  payment: paymentTables,
  shipping: shippingTables,
  notifier: notifierTables,
  stock: stockTables,
} as const satisfies Readonly<Record<string, Tables>>;

/** The services with tables. */
export type ServiceWithTables = keyof typeof personalData;
