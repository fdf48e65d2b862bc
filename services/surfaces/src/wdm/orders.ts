import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { callerLeft } from "@sagacart/rest/caller-left";
import type { FastifyInstance } from "fastify";
import { fields, listOf, text, truth, whole } from "../openapi/answers.ts";
import { keyOf } from "../request-key.ts";
import { putAll } from "./batch.ts";
import { createCheckout } from "./checkout.ts";
import type { WdmOptions } from "./options.ts";
import { count, id, mostMoney, mostQuantity, mostRows, path } from "./path-parameters.ts";

/** Serves `/orders`. An order of WDM is a cart; each checkout of it makes an order of Sagacart. */
export function orderRoutes(app: FastifyInstance, { clients }: WdmOptions): void {
  const { carts } = clients;
  const checkout = createCheckout(clients);

  app.post<{ Params: { user_id: string } }>(
    "/orders/create/:user_id",
    {
      config: { answers: { 200: fields({ order_id: text }) } },
      schema: { summary: "Make an order (a cart) with nothing in it", params: path({ user_id: id }) },
    },
    async (request) => {
      const { cart } = await carts.createCart({ customerId: request.params.user_id, requestId: keyOf(request) });
      return { order_id: cart?.id };
    },
  );

  app.post<{ Params: { order_id: string; item_id: string; quantity: number } }>(
    "/orders/addItem/:order_id/:item_id/:quantity",
    {
      config: { answers: { 200: fields({ order_id: text, total_cost: whole }) } },
      schema: {
        summary: "Add to an order; what is in it already gets more",
        params: path({ order_id: id, item_id: id, quantity: count(1, mostQuantity) }),
      },
    },
    async (asked) => {
      const { order_id, item_id, quantity } = asked.params;
      const request = { id: order_id, productId: item_id, quantity, requestId: keyOf(asked) };
      const { cart } = await carts.addCartItem(request);
      return { order_id, total_cost: Number(cart?.total?.minorUnits ?? 0n) };
    },
  );

  app.delete<{ Params: { order_id: string; item_id: string } }>(
    "/orders/removeItem/:order_id/:item_id",
    {
      config: { answers: { 200: fields({ order_id: text, total_cost: whole }) } },
      schema: {
        summary: "Take an item out of an order, also one that is no longer sold",
        params: path({ order_id: id, item_id: id }),
      },
    },
    async ({ params: { order_id, item_id } }) => {
      const { cart } = await carts.removeCartItem({ id: order_id, productId: item_id });
      return { order_id, total_cost: Number(cart?.total?.minorUnits ?? 0n) };
    },
  );

  app.get<{ Params: { order_id: string } }>(
    "/orders/find/:order_id",
    {
      config: { answers: { 200: order } },
      schema: {
        summary: "Tell what is in an order, what it costs, and whether it is paid",
        params: path({ order_id: id }),
      },
    },
    async ({ params }) => {
      const { cart } = await carts.getCart({ id: params.order_id, withoutAvailability: true });
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
    {
      config: { answers: { 200: fields({ order_id: text, paid: { const: true }, order: text, msg: text }) } },
      schema: {
        summary: "Buy: answers when it is paid (2xx) or refused with nothing taken (4xx)",
        params: path({ order_id: id }),
      },
    },
    (request, reply) => checkout(request.params.order_id, keyOf(request), callerLeft(reply)),
  );

  app.post<{ Params: { n: number; n_items: number; n_users: number; item_price: number } }>(
    "/orders/batch_init/:n/:n_items/:n_users/:item_price",
    {
      config: { answers: { 200: fields({ msg: text }) } },
      schema: {
        summary: "Make or overwrite the orders 0 to n - 1, of two random items each",
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
}

function randomBelow(n: number): string {
  return String(Math.floor(Math.random() * n));
}

const order = fields({
  order_id: text,
  paid: truth,
  items: listOf({ ...listOf({ type: ["string", "integer"] }), minItems: 2, maxItems: 2 }),
  user_id: text,
  total_cost: whole,
});
