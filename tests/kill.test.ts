import { uuidv7 } from "@sagacart/chassis/uuid";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { afterAll, beforeAll, expect, test } from "vitest";
import { home, makeCustomer, makeProduct } from "./support/scenario.ts";
import { quickWorker, startShop, type TestShop, until, untilFinal } from "./support/shop.ts";

let test_: TestShop;
beforeAll(async () => {
  test_ = await startShop({ worker: quickWorker });
});
afterAll(() => test_?.[Symbol.asyncDispose]());

const victims = [
  "worker",
  "order",
  "stock",
  "payment",
  "shipping",
  "notifier",
  "card-provider",
  "carrier",
  "gateway",
  "surfaces",
  "temporal",
  "postgres",
];

test("no order is lost or done twice when each kind of process is killed with SIGKILL under load", async () => {
  const { shop, stack } = test_;
  const stocked = 400;
  const productId = await makeProduct(shop, stocked);
  const rich = await makeCustomer(shop, 1_000_000n);
  const placed = new Map<string, string>();
  let loading = true;
  const caller = async (seat: number) => {
    for (let n = 0; loading; n++) {
      const orderId = uuidv7();
      const ways = [
        {},
        { paymentMethod: "pm_ok" },
        { paymentMethod: "pm_lost_answer" },
        { shippingAddress: home(n % 2 === 0 ? "12345" : "00000") },
      ];
      const request = { orderId, requestId: orderId, customerId: rich, lines: [{ productId, quantity: 1 }] };
      // A caller whose answer is lost repeats the request with the same key until there is an answer.
      await until(60_000, `checkout ${orderId} to be accepted`, () =>
        shop.orders.checkout({ ...request, ...ways[(n + seat) % ways.length] }, { timeoutMs: 5_000 }),
      );
      placed.set(orderId, orderId);
    }
  };
  const callers = Array.from({ length: 8 }, (_, seat) => caller(seat));
  for (const victim of victims) {
    const before = placed.size;
    await until(60_000, "some checkouts", async () => (placed.size > before + 5 ? true : undefined));
    await stack.kill(victim, "SIGKILL");
    await stack.start(victim);
  }
  loading = false;
  await Promise.all(callers);

  const orders = await Promise.all([...placed.keys()].map((id) => untilFinal(shop, id)));
  const completed = orders.filter(({ state }) => state === Order_State.COMPLETED).length;
  const { product } = await shop.products.getProduct({ id: productId });
  expect(product).toMatchObject({ onHand: stocked - completed, reserved: 0 });
  expect(await test_.breaches({ stalledAfterMs: 0 })).toEqual([]);
});
