import { randomUUID } from "node:crypto";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { Movement_Reason } from "@sagacart/proto/stock/v1/stock_service";
import type { FastifyInstance } from "fastify";
import { callerLeft } from "../caller-left.ts";
import { serveSurfaceDocument } from "../openapi/surface-document.ts";
import type { Services } from "../services.ts";
import { count, id, path, readPathParameters } from "./path-parameters.ts";
import { putAll } from "./wdm-batch.ts";
import { createCheckout } from "./wdm-checkout.ts";

/**
 * The surface of the TU Delft course project "WDM", which its tests and load scripts speak: no bodies, ids and
 * numbers in the path, 2xx for done and 4xx for refused. `order_id` is a cart's id, a user is an account, and one
 * credit is one minor unit of the shop's currency.
 *
 * Each call carries a request id of its own, so that it may be sent again when a service is being restarted.
 */
export async function wdm(
  app: FastifyInstance,
  { services, currency }: { services: Services; currency: string },
): Promise<void> {
  const { accounts, carts, payments, products, stock } = services.clients;
  const checkout = createCheckout(services.clients);
  const money = (minorUnits: number) => ({ currencyCode: currency, minorUnits: BigInt(minorUnits) });

  await serveSurfaceDocument(app, {
    title: "Sagacart: the surface of WDM",
    description: "No bodies; ids and numbers in the path. `order_id` is a cart's id; a credit is a minor unit.",
    url: "/openapi/wdm.json",
  });
  readPathParameters(app);
  // These clients send no bodies, and say that they are of all kinds.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, _body, done) => done(null, undefined));

  app.post("/payment/create_user", async () => {
    const userId = randomUUID();
    await accounts.createAccount({ customerId: userId, currencyCode: currency });
    return { user_id: userId };
  });

  app.post<{ Params: { user_id: string; amount: number } }>(
    "/payment/add_funds/:user_id/:amount",
    { schema: { params: path({ user_id: id, amount: count(1, mostMoney) }) } },
    async ({ params }) => {
      const request = { customerId: params.user_id, amount: money(params.amount), requestId: randomUUID() };
      const { account } = await accounts.deposit(request);
      return { user_id: params.user_id, credit: Number(account?.balance?.minorUnits ?? 0n) };
    },
  );

  app.get<{ Params: { user_id: string } }>(
    "/payment/find_user/:user_id",
    { schema: { params: path({ user_id: id }) } },
    async ({ params }) => {
      const { account } = await accounts.getAccount({ customerId: params.user_id, currencyCode: currency });
      return { user_id: params.user_id, credit: Number(account?.balance?.minorUnits ?? 0n) };
    },
  );

  app.post<{ Params: { user_id: string; amount: number } }>(
    "/payment/pay/:user_id/:amount",
    { schema: { params: path({ user_id: id, amount: count(1, mostMoney) }) } },
    async ({ params }) => {
      const request = { customerId: params.user_id, amount: money(params.amount), requestId: randomUUID() };
      const { payment } = await payments.createPayment(request);
      return { user_id: params.user_id, payment_id: payment?.id };
    },
  );

  app.post<{ Params: { n: number; starting_money: number } }>(
    "/payment/batch_init/:n/:starting_money",
    { schema: { params: path({ n: count(1, mostRows), starting_money: count(0, mostMoney) }) } },
    async ({ params: { n, starting_money } }, reply) => {
      const signal = callerLeft(reply);
      const balance = money(starting_money);
      await putAll(n, (ids, options) =>
        accounts.batchPutAccounts(
          { items: ids.map((customerId) => ({ customerId, balance })) },
          { ...options, signal },
        ),
      );
      return { msg: `Batch init for users successful: ${n}` };
    },
  );

  app.post<{ Params: { price: number } }>(
    "/stock/item/create/:price",
    { schema: { params: path({ price: count(0, mostMoney) }) } },
    async ({ params }) => {
      const itemId = randomUUID();
      const product = { id: itemId, title: titleOf(itemId), price: money(params.price) };
      await products.createProduct({ product, requestId: itemId });
      return { item_id: itemId };
    },
  );

  app.get<{ Params: { item_id: string } }>(
    "/stock/find/:item_id",
    { schema: { params: path({ item_id: id }) } },
    async ({ params }) => {
      const { product } = await products.getProduct({ id: params.item_id });
      return { stock: product?.available ?? 0, price: Number(product?.price?.minorUnits ?? 0n) };
    },
  );

  app.post<{ Params: { item_id: string; amount: number } }>(
    "/stock/add/:item_id/:amount",
    { schema: { params: path({ item_id: id, amount: count(1, mostStock) }) } },
    async ({ params: { item_id, amount } }) => {
      const request = { productId: item_id, delta: amount, reason: Movement_Reason.RECEIPT, requestId: randomUUID() };
      const { product } = await stock.adjustStock(request);
      return { item_id, stock: product?.available ?? 0 };
    },
  );

  app.post<{ Params: { item_id: string; amount: number } }>(
    "/stock/subtract/:item_id/:amount",
    { schema: { params: path({ item_id: id, amount: count(1, mostStock) }) } },
    async ({ params: { item_id, amount } }) => {
      const reason = Movement_Reason.CORRECTION;
      const request = { productId: item_id, delta: -amount, reason, requestId: randomUUID() };
      const { product } = await stock.adjustStock(request);
      return { item_id, stock: product?.available ?? 0 };
    },
  );

  app.post<{ Params: { n: number; starting_stock: number; item_price: number } }>(
    "/stock/batch_init/:n/:starting_stock/:item_price",
    {
      schema: {
        params: path({ n: count(1, mostRows), starting_stock: count(0, mostStock), item_price: count(0, mostMoney) }),
      },
    },
    async ({ params: { n, starting_stock, item_price } }, reply) => {
      const signal = callerLeft(reply);
      const price = money(item_price);
      await putAll(n, (ids, options) => {
        const items = ids.map((id) => ({ product: { id, title: titleOf(id), price }, onHand: starting_stock }));
        return products.batchPutProducts({ items }, { ...options, signal });
      });
      return { msg: `Batch init for stock successful: ${n}` };
    },
  );

  app.post<{ Params: { user_id: string } }>(
    "/orders/create/:user_id",
    { schema: { params: path({ user_id: id }) } },
    async ({ params }) => {
      const { cart } = await carts.createCart({ customerId: params.user_id, requestId: randomUUID() });
      return { order_id: cart?.id };
    },
  );

  app.post<{ Params: { order_id: string; item_id: string; quantity: number } }>(
    "/orders/addItem/:order_id/:item_id/:quantity",
    { schema: { params: path({ order_id: id, item_id: id, quantity: count(1, mostQuantity) }) } },
    async ({ params: { order_id, item_id, quantity } }) => {
      const request = { id: order_id, productId: item_id, quantity, requestId: randomUUID() };
      const { cart } = await carts.addCartItem(request);
      return { order_id, total_cost: Number(cart?.total?.minorUnits ?? 0n) };
    },
  );

  app.get<{ Params: { order_id: string } }>(
    "/orders/find/:order_id",
    { schema: { params: path({ order_id: id }) } },
    async ({ params }) => {
      const { cart } = await carts.getCart({ id: params.order_id });
      return {
        order_id: params.order_id,
        paid: cart?.state === Cart_State.PURCHASED,
        items: (cart?.lines ?? []).map(({ productId, quantity }) => [productId, quantity]),
        user_id: cart?.customerId,
        total_cost: Number(cart?.total?.minorUnits ?? 0n),
      };
    },
  );

  app.post<{ Params: { order_id: string } }>(
    "/orders/checkout/:order_id",
    { schema: { params: path({ order_id: id }) } },
    ({ params }, reply) => checkout(params.order_id, callerLeft(reply)),
  );

  app.post<{ Params: { n: number; n_items: number; n_users: number; item_price: number } }>(
    "/orders/batch_init/:n/:n_items/:n_users/:item_price",
    {
      schema: {
        params: path({
          n: count(1, mostRows),
          n_items: count(1, mostRows),
          n_users: count(1, mostRows),
          item_price: count(0, mostMoney),
        }),
      },
    },
    async ({ params: { n, n_items, n_users } }, reply) => {
      const signal = callerLeft(reply);
      const linesOf = () => {
        const [one, other] = [randomBelow(n_items), randomBelow(n_items)];
        return one === other
          ? [{ productId: one, quantity: 2 }]
          : [one, other].map((productId) => ({ productId, quantity: 1 }));
      };
      await putAll(n, (ids, options) => {
        const items = ids.map((id) => ({ id, customerId: randomBelow(n_users), lines: linesOf() }));
        return carts.batchPutCarts({ items }, { ...options, signal });
      });
      return { msg: `Batch init for orders successful: ${n}` };
    },
  );

  // Where the original sends its program to a cluster. Here everything runs already.
  app.post<{ Params: { n_partitions: number } }>(
    "/submit/:n_partitions",
    { schema: { params: path({ n_partitions: count(1, 1_000_000) }) } },
    async ({ params }) => ({ msg: "nothing to submit: the shop is running", n_partitions: params.n_partitions }),
  );
  app.post("/hello", async (_request, reply) => reply.type("text/plain; charset=utf-8").send("Hey"));
}

const mostMoney = 1_000_000_000_000_000;
const mostStock = 1_000_000_000;
const mostQuantity = 1_000_000;
const mostRows = 1_000_000;

function titleOf(itemId: string): string {
  return `Item ${itemId}`;
}

function randomBelow(n: number): string {
  return String(Math.floor(Math.random() * n));
}
