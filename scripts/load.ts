import "./help.ts";
import { parseArgs } from "node:util";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { connectShop, type Shop, stateOf } from "./demo/shop.ts";
import { runningShop } from "./stack/state.ts";

// Loads the running shop with callers that order more than the stock and have less money than it costs:
//
//     npm run load -- --checkouts 10000 --callers 64 --products 20
//
// Prints how the orders ended, and checks that no more was sold than the stock. `npm run audit` checks the rest.

const { values } = parseArgs({
  options: {
    checkouts: { type: "string", default: "10000" },
    callers: { type: "string", default: "64" },
    products: { type: "string", default: "20" },
  },
});
const [checkouts, callers, productCount] = [values.checkouts, values.callers, values.products].map(Number);
const say = (line: string) => process.stdout.write(`${line}\n`);

const running = await runningShop();
if (running === undefined || !checkouts || !callers || !productCount) {
  process.stderr.write(
    "No shop is running here (start one with npm start), or an argument is not a positive number.\n",
  );
  process.exit(1);
}
using shop = connectShop(running.addresses);
const price = 100;
const stocked = Math.ceil((checkouts / productCount) * 0.5);
const products = await Promise.all(Array.from({ length: productCount }, () => makeProduct(shop, stocked)));
const money = Math.ceil((checkouts / callers) * 0.5) * price;
const customers = await Promise.all(Array.from({ length: callers }, () => makeCustomer(shop, BigInt(money))));
say(`${productCount} products with ${stocked} of each, ${callers} customers with ${money} minor units each`);

const startedAt = Date.now();
const orders: Order[] = [];
let next = 0;
await Promise.all(
  customers.map(async (customerId) => {
    while (next < checkouts) {
      const product = products[next++ % productCount];
      orders.push(await buy(shop, customerId, product ?? ""));
    }
  }),
);
const seconds = (Date.now() - startedAt) / 1000;
say(`${orders.length} checkouts in ${seconds.toFixed(1)} s, ${(orders.length / seconds).toFixed(0)}/s`);
for (const [ending, some] of Map.groupBy(orders, (order) => `${stateOf(order)} ${order.outcomeReason}`.trim())) {
  say(`${String(some.length).padStart(7)} ${ending}`);
}
process.exitCode = (await hasWrongStock()) ? 1 : 0;

async function buy(shop: Shop, customerId: string, productId: string): Promise<Order> {
  const orderId = uuidv7();
  const lines = [{ productId, quantity: 1 }];
  const { order } = await shop.orders.checkout(
    { orderId, requestId: orderId, customerId, lines },
    { timeoutMs: 60_000 },
  );
  if (order === undefined) {
    throw new Error(`checkout ${orderId} returned no order`);
  }
  return order;
}

async function hasWrongStock(): Promise<boolean> {
  let wrong = false;
  for (const id of products) {
    const sold = orders.filter(({ state, lines }) => state === Order_State.COMPLETED && lines[0]?.productId === id);
    const { product } = await shop.products.getProduct({ id });
    if (product?.onHand !== stocked - sold.length || product.reserved !== 0) {
      say(
        `product ${id}: ${stocked} stocked, ${sold.length} sold, ${product?.onHand} left, ${product?.reserved} reserved`,
      );
      wrong = true;
    }
  }
  say(wrong ? "sold and remaining stock do not add up" : "sold and remaining stock add up");
  return wrong;
}

async function makeProduct(shop: Shop, onHand: number): Promise<string> {
  const id = uuidv7();
  await shop.products.createProduct({
    product: { id, title: "Wanted", price: { currencyCode: "USD", minorUnits: BigInt(price) } },
    initialOnHand: onHand,
  });
  return id;
}

async function makeCustomer(shop: Shop, minorUnits: bigint): Promise<string> {
  const customerId = uuidv7();
  await shop.accounts.createAccount({ customerId, currencyCode: "USD" });
  await shop.accounts.deposit({ customerId, amount: { currencyCode: "USD", minorUnits } });
  return customerId;
}
