import { randomInt } from "node:crypto";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { home, makeCustomer, makeProduct, usd } from "./support/scenario.ts";
import { startShop, type TestShop, untilFinal } from "./support/shop.ts";

let test_: TestShop;
beforeAll(async () => {
  // Short delays of the card provider and the carrier keep the test fast.
  test_ = await startShop();
});
afterAll(() => test_?.[Symbol.asyncDispose]());

const seed = Number(process.env.TEST_SEED ?? randomInt(2 ** 31));

test(`money and stock add up after random concurrent actions of customers (TEST_SEED=${seed})`, async () => {
  const { shop } = test_;
  const random = mulberry32(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const products = await Promise.all(Array.from({ length: 5 }, () => makeProduct(shop, 60)));
  const customers = await Promise.all(Array.from({ length: 6 }, () => makeCustomer(shop, 3_000n)));
  const ids: string[] = [];

  const buy = async () => {
    const orderId = uuidv7();
    ids.push(orderId);
    const wanted = products.filter(() => random() < 0.4);
    const lines = (wanted.length === 0 ? [pick(products)] : wanted).map((productId) => ({
      productId,
      quantity: 1 + Math.floor(random() * 3),
    }));
    const request = {
      orderId,
      requestId: orderId,
      customerId: pick(customers),
      lines,
      paymentMethod: pick(["", "", "", "pm_ok", "pm_declined", "pm_no_funds", "pm_lost_answer", "pm_twice"]),
      payLater: random() < 0.2,
      ...(random() < 0.4 ? { shippingAddress: home(pick(["12345", "12345", "00000"])) } : {}),
    };
    const waitFor = pick([WaitFor.ACCEPTED, WaitFor.RESERVED, WaitFor.COMPLETED]);
    const twice = random() < 0.3;
    await Promise.all([
      shop.orders.checkout({ ...request, waitFor }, { timeoutMs: 60_000 }),
      twice ? shop.orders.checkout({ ...request, waitFor: WaitFor.ACCEPTED }) : undefined,
    ]);
    const then = random();
    const wait = { waitAtMost: { seconds: 20n } };
    // Refusals are valid answers here, for example a cancel that is too late or a refund of nothing.
    const refused = () => undefined;
    if (then < 0.2) {
      await shop.orders.cancelOrder({ id: orderId, ...wait }).catch(refused);
    } else if (request.payLater) {
      const pay = () =>
        shop.orders.payOrder({ id: orderId, paymentMethod: pick(["", "pm_ok", "pm_declined"]), ...wait });
      await Promise.all([pay().catch(refused), then < 0.5 ? pay().catch(refused) : undefined]);
      await shop.orders.cancelOrder({ id: orderId, ...wait }).catch(refused);
    } else if (then < 0.5) {
      const back = { orderId, refundId: `r-${orderId}`, amount: usd(50n), ...wait };
      await Promise.all([1, 2].map(() => shop.orders.refundOrder(back).catch(refused)));
    }
  };
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      for (let n = 0; n < 15; n++) {
        await buy();
      }
    }),
  );

  const orders = await Promise.all(ids.map((id) => untilFinal(shop, id)));
  expect(await test_.breaches({ stalledAfterMs: 0 })).toEqual([]);
  const sold = new Map<string, number>();
  for (const { state, lines } of orders) {
    for (const { productId, quantity } of state === Order_State.COMPLETED ? lines : []) {
      sold.set(productId, (sold.get(productId) ?? 0) + quantity);
    }
  }
  for (const id of products) {
    const { product } = await shop.products.getProduct({ id });
    expect(product).toMatchObject({ onHand: 60 - (sold.get(id) ?? 0), reserved: 0 });
  }
});

/** A small seeded generator (Tommy Ettinger's mulberry32). */
function mulberry32(state: number): () => number {
  let a = state;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
