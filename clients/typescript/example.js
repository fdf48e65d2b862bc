import { enumToJson } from "@bufbuild/protobuf";
import { connectShop, isShopError } from "@sagacart/client";
import { Order_StateSchema } from "@sagacart/client/proto/order/v1/order";

const shop = connectShop({ baseUrl: process.env.SHOP_URL ?? "http://127.0.0.1:8080" });
await shop.signIn({ username: "alice", password: "alice123" });

const { products } = await shop.products.listProducts({});
const mug = products.find(({ available }) => available > 0);
const lines = [{ productId: mug.id, quantity: 1 }];
const { order } = await shop.orders.checkout({ lines, paymentMethod: "pm_ok" });
for await (const { order: now, changes } of shop.watchOrder(order.id)) {
  for (const { state } of changes) console.log(now.id, enumToJson(Order_StateSchema, state));
}

try {
  await shop.orders.checkout({ lines, expectedTotal: { currencyCode: "USD", minorUnits: 1n } });
} catch (error) {
  if (!isShopError(error, "PRICE_CHANGED", "CURRENCY_MISMATCH")) throw error;
  console.log(error.reason, error.message);
}
