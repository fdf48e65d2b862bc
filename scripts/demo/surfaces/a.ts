import assert from "node:assert/strict";
import type { Story } from "../story.ts";
import { type Ask, createAsk } from "./rest.ts";

/** The shopping cart of Styx, which has the same routes as the WDM project. A credit is a minor unit. */
export const styx: Story = {
  title: "A: the shopping cart of Styx and WDM, without request bodies",
  async run({ origin, say, cleanup }) {
    const ask = createAsk(origin, say);
    await ask("POST /submit/4");
    const { user_id: user } = await ask("POST /payment/create_user");
    cleanup.carts(user);
    await ask(`POST /payment/add_funds/${user}/100`);
    const { item_id: item } = await ask("POST /stock/item/create/30");
    cleanup.product(item);
    await ask(`POST /stock/add/${item}/5`);
    assert.deepEqual(await ask(`GET /stock/find/${item}`), { stock: 5, price: 30 });

    const order = await orderOfTwo(ask, user, item);
    await ask(`POST /orders/checkout/${order}`);
    await expectBalances(ask, { user, credit: 40, item, stock: 3 });
    assert.equal((await ask(`GET /orders/find/${order}`)).paid, true);

    say("A repeated checkout of the paid order charges nothing more:");
    await ask(`POST /orders/checkout/${order}`);
    await expectBalances(ask, { user, credit: 40, item, stock: 3 });

    say("Too little credit: refused, the stock is released, and the order can be checked out again:");
    const second = await orderOfTwo(ask, user, item);
    await ask(`POST /orders/checkout/${second}`, { status: 409 });
    await expectBalances(ask, { user, credit: 40, item, stock: 3 });
    await ask(`POST /payment/add_funds/${user}/80`);
    await ask(`POST /orders/checkout/${second}`);
    await expectBalances(ask, { user, credit: 60, item, stock: 1 });

    say("Too little stock: refused, and nothing is charged:");
    const third = await orderOfTwo(ask, user, item);
    await ask(`POST /orders/checkout/${third}`, { status: 409 });
    await expectBalances(ask, { user, credit: 60, item, stock: 1 });
    await ask(`POST /payment/pay/${user}/61`, { status: 409 });
    await ask(`POST /stock/subtract/${item}/2`, { status: 409 });

    say("Batches, with the ids 0 to 99:");
    for (let id = 0; id < 100; id++) {
      cleanup.product(`${id}`);
      cleanup.carts(`${id}`);
    }
    await ask("POST /payment/batch_init/100/1000");
    await ask("POST /stock/batch_init/100/1000/1");
    await ask("POST /orders/batch_init/100/100/100/1");
    await ask("POST /orders/checkout/99");
    const { paid, user_id: buyer, total_cost } = await ask("GET /orders/find/99");
    assert.deepEqual([paid, total_cost], [true, 2]);
    assert.equal((await ask(`GET /payment/find_user/${buyer}`)).credit, 998);
  },
};

/** Creates an order and adds the same item twice. */
async function orderOfTwo(ask: Ask, user: string, item: string): Promise<string> {
  const { order_id } = await ask(`POST /orders/create/${user}`);
  await ask(`POST /orders/addItem/${order_id}/${item}/1`);
  await ask(`POST /orders/addItem/${order_id}/${item}/1`);
  const found = await ask(`GET /orders/find/${order_id}`);
  assert.deepEqual(found, { order_id, paid: false, items: [[item, 2]], user_id: user, total_cost: 60 });
  return order_id;
}

async function expectBalances(
  ask: Ask,
  expected: { user: string; credit: number; item: string; stock: number },
): Promise<void> {
  const { credit } = await ask(`GET /payment/find_user/${expected.user}`);
  const { stock } = await ask(`GET /stock/find/${expected.item}`);
  assert.deepEqual({ credit, stock }, { credit: expected.credit, stock: expected.stock });
}
