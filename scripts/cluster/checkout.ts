import assert from "node:assert/strict";
import { type DescMessage, fromJsonString, type MessageShape } from "@bufbuild/protobuf";
import { testCurrency } from "@sagacart/chassis/currencies";
import { flag, readEnv, text } from "@sagacart/chassis/process/config";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { CheckoutResponseSchema, GetOrderResponseSchema } from "@sagacart/proto/order/v1/order_service";
import {
  CreateAccountResponseSchema,
  DepositResponseSchema,
  GetAccountResponseSchema,
} from "@sagacart/proto/payment/v1/account_service";
import {
  CreateProductResponseSchema,
  DeleteProductResponseSchema,
  GetProductResponseSchema,
  ListProductsResponseSchema,
} from "@sagacart/proto/stock/v1/product_service";
import { until } from "../until.ts";
import { operatorSession, shopEnv } from "./tokens.ts";

// Runs one real checkout over the gateway's REST API, for `helm test`: creates a product and a customer with money, buys,
// waits until the order is COMPLETED, checks stock and balance, and deletes the product. The money is XTS, which is nobody's.

const config = readEnv({
  ...shopEnv,
  /** A payment method of the card provider, or `balance`. */
  PAYMENT_METHOD: text({ default: "balance" }),
  /** true: ships the order. false: the customer collects it. */
  SHIP: flag(false),
});
const tokens = operatorSession(config);
const say = (line: string) => process.stdout.write(`${line}\n`);
const money = (minorUnits: number) => ({ currencyCode: testCurrency, minorUnits: `${minorUnits}` });
const byBalance = config.PAYMENT_METHOD === "balance";

// The shop may be starting: retry the first call only.
await until("the shop to answer", () => call(ListProductsResponseSchema, "GET", "/v1/products?pageSize=1"), {
  withinMs: 120_000,
  everyMs: 1_000,
});
const id = uuidv7();
const product = `helm-test-${id}`;
const customerId = `helm-test-${id}`;
await call(CreateProductResponseSchema, "POST", "/v1/products", {
  product: { id: product, title: "Synthetic checkout", price: money(250) },
  initialOnHand: 2,
});
await call(CreateAccountResponseSchema, "POST", "/v1/accounts", { customerId, currencyCode: testCurrency });
await call(DepositResponseSchema, "POST", `/v1/accounts/${customerId}:deposit`, { amount: money(1_000) });
say(`product ${product}: 2 on hand; customer ${customerId}: 1000 minor units`);

const startedAt = performance.now();
const { order } = await call(CheckoutResponseSchema, "POST", "/v1/orders", {
  orderId: id,
  customerId,
  lines: [{ productId: product, quantity: 2 }],
  waitFor: "WAIT_FOR_COMPLETED",
  ...(byBalance ? {} : { paymentMethod: config.PAYMENT_METHOD }),
  ...(config.SHIP ? { shippingAddress: address() } : {}),
});
say(`order ${id}: state ${order?.state} after ${Math.round(performance.now() - startedAt)} ms`);
await until(`order ${id} to be completed`, async () => {
  const { order } = await call(GetOrderResponseSchema, "GET", `/v1/orders/${id}`);
  assert.equal(order?.state, Order_State.COMPLETED, `order ${id} is in state ${order?.state} ${order?.outcomeReason}`);
  return true;
});
const left = (await call(GetProductResponseSchema, "GET", `/v1/products/${product}`)).product;
assert.deepEqual([left?.onHand, left?.reserved], [0, 0], "the bought stock is still on hand or reserved");
const { account } = await call(
  GetAccountResponseSchema,
  "GET",
  `/v1/accounts/${customerId}?currencyCode=${testCurrency}`,
);
assert.equal(account?.balance?.minorUnits, byBalance ? 500n : 1_000n, "the balance is wrong");
say(`order ${id}: COMPLETED; product ${product}: 0 on hand; customer: ${account.balance.minorUnits} minor units`);
await call(DeleteProductResponseSchema, "DELETE", `/v1/products/${product}`);

function address() {
  return {
    recipient: "Helm Test",
    line1: "12 St James's Square",
    city: "London",
    postalCode: "SW1Y 4JH",
    countryCode: "GB",
  };
}

async function call<D extends DescMessage>(
  answer: D,
  method: string,
  path: string,
  body?: object,
): Promise<MessageShape<D>> {
  const response = await fetch(new URL(path, config.GATEWAY_URL), {
    method,
    headers: {
      authorization: (await tokens.authorization()) ?? "",
      ...(body === undefined ? {} : { "content-type": "application/json", "idempotency-key": uuidv7() }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(70_000),
  });
  if (!response.ok) {
    throw new Error(`${method} ${path} returned ${response.status} ${await response.text()}`);
  }
  return fromJsonString(answer, await response.text());
}
