import { Movement_Reason } from "@sagacart/proto/stock/v1/stock_service";
import { callerLeft } from "@sagacart/rest/caller-left";
import type { FastifyInstance } from "fastify";
import { fields, text, whole } from "../openapi/answers.ts";
import { idOfKey, keyOf } from "../request-key.ts";
import { putAll } from "./batch.ts";
import type { WdmOptions } from "./options.ts";
import { count, id, mostMoney, mostRows, mostStock, path } from "./path-parameters.ts";

/** Serves `/stock`. An item is a product, titled by its id; its stock is what can be sold. */
export function stockRoutes(app: FastifyInstance, { clients, money }: WdmOptions): void {
  const { products, stock } = clients;

  app.post<{ Params: { price: number } }>(
    "/stock/item/create/:price",
    {
      config: { answers: { 200: fields({ item_id: text }) } },
      schema: { summary: "Make an item with no stock", params: path({ price: count(0, mostMoney) }) },
    },
    async (request) => {
      const itemId = idOfKey("item", "", keyOf(request));
      const product = { id: itemId, title: titleOf(itemId), price: money(request.params.price) };
      await products.createProduct({ product, requestId: itemId });
      return { item_id: itemId };
    },
  );

  app.get<{ Params: { item_id: string } }>(
    "/stock/find/:item_id",
    {
      config: { answers: { 200: fields({ stock: whole, price: whole }) } },
      schema: { summary: "Tell how many there are to sell, and the price", params: path({ item_id: id }) },
    },
    async ({ params }) => {
      const { product } = await products.getProduct({ id: params.item_id });
      return { stock: product?.available ?? 0, price: Number(product?.price?.minorUnits ?? 0n) };
    },
  );

  app.post<{ Params: { item_id: string; amount: number } }>(
    "/stock/add/:item_id/:amount",
    {
      config: { answers: { 200: level } },
      schema: { summary: "Add to the stock", params: path({ item_id: id, amount: count(1, mostStock) }) },
    },
    async (asked) => {
      const { item_id, amount } = asked.params;
      const request = { productId: item_id, delta: amount, reason: Movement_Reason.RECEIPT, requestId: keyOf(asked) };
      const { product } = await stock.adjustStock(request);
      return { item_id, stock: product?.available ?? 0 };
    },
  );

  app.post<{ Params: { item_id: string; amount: number } }>(
    "/stock/subtract/:item_id/:amount",
    {
      config: { answers: { 200: level } },
      schema: {
        summary: "Take from the stock; refused where there is too little",
        params: path({ item_id: id, amount: count(1, mostStock) }),
      },
    },
    async (asked) => {
      const { item_id, amount } = asked.params;
      const reason = Movement_Reason.CORRECTION;
      const request = { productId: item_id, delta: -amount, reason, requestId: keyOf(asked) };
      const { product } = await stock.adjustStock(request);
      return { item_id, stock: product?.available ?? 0 };
    },
  );

  app.post<{ Params: { n: number; starting_stock: number; item_price: number } }>(
    "/stock/batch_init/:n/:starting_stock/:item_price",
    {
      config: { answers: { 200: fields({ msg: text }) } },
      schema: {
        summary: "Make or overwrite the items 0 to n - 1",
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
}

function titleOf(itemId: string): string {
  return `Item ${itemId}`;
}

const level = fields({ item_id: text, stock: whole });
