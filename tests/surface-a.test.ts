import { Agent, request } from "node:http";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startShop, type TestShop } from "./support/shop.ts";

// The surface of the course project "WDM": the project's own unit tests, and what its load and consistency scripts
// rely on.

let shop: TestShop;
let origin: string;

beforeAll(async () => {
  shop = await startShop();
  origin = `http://${shop.stack.addresses.gateway}`;
});
afterAll(() => shop?.[Symbol.asyncDispose]());

// biome-ignore lint/suspicious/noExplicitAny: bodies have many shapes.
type Answer = { status: number; body: any };

// The project's clients keep a hundred connections open.
const agent = new Agent({ keepAlive: true, maxSockets: 100 });

async function send(method: string, path: string, connections: Agent | false = agent): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = request(`${origin}${path}`, {
    method,
    agent: connections,
    // aiohttp sends these headers in a POST without a body.
    headers: method === "POST" ? { "content-length": "0", "content-type": "application/octet-stream" } : {},
  });
  sent.on("error", reject);
  sent.on("response", (answer) => {
    json(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject);
  });
  sent.end();
  return promise;
}

async function post(path: string): Promise<Answer> {
  return await send("POST", path);
}

async function find(path: string): Promise<Answer["body"]> {
  const { status, body } = await send("GET", path);
  expect(status).toBe(200);
  return body;
}

async function createUser(credit: number): Promise<string> {
  const { user_id } = (await post("/payment/create_user")).body;
  if (credit > 0) {
    await succeeds(`/payment/add_funds/${user_id}/${credit}`);
  }
  return user_id;
}

async function createItem(price: number, stock: number): Promise<string> {
  const { item_id } = (await post(`/stock/item/create/${price}`)).body;
  if (stock > 0) {
    await succeeds(`/stock/add/${item_id}/${stock}`);
  }
  return item_id;
}

async function createOrder(userId: string, items: Record<string, number>): Promise<string> {
  const { order_id } = (await post(`/orders/create/${userId}`)).body;
  for (const [itemId, quantity] of Object.entries(items)) {
    await succeeds(`/orders/addItem/${order_id}/${itemId}/${quantity}`);
  }
  return order_id;
}

async function succeeds(path: string): Promise<Answer["body"]> {
  const { status, body } = await post(path);
  expect(body.detail).toBeUndefined();
  expect(status).toBe(200);
  return body;
}

async function isRefused(path: string): Promise<Answer["body"]> {
  const { status, body } = await post(path);
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  return body;
}

describe("the template's own tests", () => {
  test("stock: create, find, add, subtract, and never below zero", async () => {
    const item = await createItem(5, 0);
    expect(await find(`/stock/find/${item}`)).toEqual({ stock: 0, price: 5 });
    await succeeds(`/stock/add/${item}/50`);
    expect((await find(`/stock/find/${item}`)).stock).toBe(50);
    await isRefused(`/stock/subtract/${item}/200`);
    await succeeds(`/stock/subtract/${item}/15`);
    expect((await find(`/stock/find/${item}`)).stock).toBe(35);
  });

  test("payment: fund, add the same item three times, pay by hand, and never below zero", async () => {
    const user = await createUser(15);
    const item = await createItem(5, 50);
    const order = await createOrder(user, {});
    for (const _ of [1, 2, 3]) {
      await succeeds(`/orders/addItem/${order}/${item}/1`);
    }
    expect(await find(`/orders/find/${order}`)).toEqual({
      order_id: order,
      paid: false,
      items: [[item, 3]],
      user_id: user,
      total_cost: 15,
    });
    await succeeds(`/payment/pay/${user}/10`);
    expect((await find(`/payment/find_user/${user}`)).credit).toBe(5);
    expect((await isRefused(`/payment/pay/${user}/6`)).reason).toBe("PAYMENT_DECLINED");
    expect((await find(`/payment/find_user/${user}`)).credit).toBe(5);
  });

  test("order: sold out, then without credit, then bought; a failure takes nothing and leaves the order open", async () => {
    const user = await createUser(0);
    const plenty = await createItem(5, 15);
    const scarce = await createItem(5, 1);
    const order = await createOrder(user, { [plenty]: 1, [scarce]: 1 });
    await succeeds(`/stock/subtract/${scarce}/1`);

    expect((await isRefused(`/orders/checkout/${order}`)).reason).toBe("OUT_OF_STOCK");
    expect((await find(`/stock/find/${plenty}`)).stock).toBe(15);

    await succeeds(`/stock/add/${scarce}/15`);
    expect((await isRefused(`/orders/checkout/${order}`)).reason).toBe("PAYMENT_DECLINED");
    expect((await find(`/stock/find/${plenty}`)).stock).toBe(15);
    expect((await find(`/payment/find_user/${user}`)).credit).toBe(0);

    await succeeds(`/payment/add_funds/${user}/15`);
    await succeeds(`/orders/checkout/${order}`);
    expect((await find(`/stock/find/${plenty}`)).stock).toBe(14);
    expect((await find(`/payment/find_user/${user}`)).credit).toBe(5);
    expect((await find(`/orders/find/${order}`)).paid).toBe(true);
  });
});

describe("behaviour that the scripts rely on", () => {
  test("a paid order can be checked out again without a second charge", async () => {
    const user = await createUser(10);
    const order = await createOrder(user, { [await createItem(3, 5)]: 1 });
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(`/orders/checkout/${order}`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect((await succeeds(`/orders/checkout/${order}`)).msg).toBe("already paid");
    expect((await find(`/payment/find_user/${user}`)).credit).toBe(7);
  });

  test("unknown ids and orders without items are refused", async () => {
    const user = await createUser(1);
    const order = await createOrder(user, {});
    for (const path of [
      "/payment/add_funds/nobody/1",
      "/payment/pay/nobody/1",
      "/stock/add/nothing/1",
      "/stock/subtract/nothing/1",
      `/orders/addItem/${order}/nothing/1`,
      "/orders/addItem/nothing/nothing/1",
      "/orders/checkout/nothing",
      `/orders/checkout/${order}`,
    ]) {
      await isRefused(path);
    }
    for (const path of ["/payment/find_user/nobody", "/stock/find/nothing", "/orders/find/nothing"]) {
      expect((await send("GET", path)).status).toBe(404);
    }
  });

  test("batch_init creates rows with the ids 0 to n - 1, and a repeat replaces them", async () => {
    const n = 12_000;
    for (const [money, stock] of [
      [100, 7],
      [200, 9],
    ] as const) {
      await succeeds(`/payment/batch_init/${n}/${money}`);
      await succeeds(`/stock/batch_init/${n}/${stock}/3`);
      await succeeds(`/orders/batch_init/${n}/${n}/${n}/3`);
      for (const id of [0, 4_999, 5_000, n - 1]) {
        expect(await find(`/payment/find_user/${id}`)).toEqual({ user_id: String(id), credit: money });
        expect(await find(`/stock/find/${id}`)).toEqual({ stock, price: 3 });
        const order = await find(`/orders/find/${id}`);
        expect(order).toMatchObject({ order_id: String(id), paid: false, total_cost: 6 });
        expect(order.items.reduce((sum: number, [, quantity]: [string, number]) => sum + quantity, 0)).toBe(2);
      }
      expect((await send("GET", `/stock/find/${n}`)).status).toBe(404);
      const { user_id: buyer } = await find("/orders/find/17");
      await succeeds("/orders/checkout/17");
      expect((await find(`/payment/find_user/${buyer}`)).credit).toBe(money - 6);
    }
  });

  test("a thousand checkouts of one item with a hundred in stock: a hundred sold and charged, the others untouched", async () => {
    const item = await createItem(1, 100);
    const users = await Promise.all(Array.from({ length: 1_000 }, () => createUser(1)));
    const orders = await Promise.all(users.map((user) => createOrder(user, { [item]: 1 })));
    // Each on its own connection.
    const answers = await Promise.all(orders.map((order) => send("POST", `/orders/checkout/${order}`, false)));
    const sold = answers.filter(({ status }) => status === 200).length;
    const refused = answers.filter(({ status, body }) => status === 409 && body.reason === "OUT_OF_STOCK").length;
    expect({ sold, refused }).toEqual({ sold: 100, refused: 900 });
    expect((await find(`/stock/find/${item}`)).stock).toBe(0);
    const credits = await Promise.all(users.map((user) => find(`/payment/find_user/${user}`)));
    const charged = credits.map(({ credit }, index) => [credit, answers[index]?.status]);
    expect(charged.every(([credit, status]) => credit === (status === 200 ? 0 : 1))).toBe(true);
  });

  test("checkouts wait while the order service is being restarted", async () => {
    const item = await createItem(1, 50);
    const orders = await Promise.all(
      Array.from({ length: 20 }, async () => createOrder(await createUser(1), { [item]: 1 })),
    );
    const answers = Promise.all(orders.map((order) => post(`/orders/checkout/${order}`)));
    await shop.stack.kill("order", "SIGKILL");
    await shop.stack.start("order");
    expect(new Set((await answers).map(({ status }) => status))).toEqual(new Set([200]));
    expect((await find(`/stock/find/${item}`)).stock).toBe(30);
  });
});

test("the laws hold after all tests of this file", async () => {
  expect(await shop.breaches()).toEqual([]);
});
