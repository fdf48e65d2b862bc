import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { Reservation_Kind } from "@sagacart/proto/stock/v1/reservation";
import { callerLeft } from "@sagacart/rest/caller-left";
import { readJsonBodies } from "@sagacart/rest/json-body";
import type { FastifyInstance } from "fastify";
import { serveSurfaceDocument } from "../openapi/surface-document.ts";
import { keyOf } from "../request-key.ts";
import type { Clients } from "../services.ts";
import * as view from "./answers.ts";
import * as body from "./bodies.ts";
import { createSagaReader } from "./saga-reader.ts";
import { inventoryOf, orderOf, paymentOf, refundOf, statusOf } from "./views.ts";

/**
 * Serves the REST of the e-commerce example of Dapr, a runtime of building blocks for microservices. Creating an order runs
 * the whole saga; stock can be reserved and payments made by hand. Money is whole minor units of the shop's currency unless
 * another is named. Every POST accepts an Idempotency-Key.
 */
export async function dapr(
  app: FastifyInstance,
  { clients, currency }: { clients: Clients; currency: string },
): Promise<void> {
  const { orders, payments, products, stock } = clients;
  const readSaga = createSagaReader(clients);
  await serveSurfaceDocument(app, {
    title: "Sagacart: the surface of the Dapr example",
    description: "Orders whose creation runs the whole saga, stock, and payments by hand. Money is whole minor units.",
    url: "/openapi/dapr.json",
    token: false,
  });
  readJsonBodies(app);

  app.post<{ Body: body.CreateOrder }>(
    "/api/orders",
    {
      config: { answers: { 201: view.order, 202: view.order } },
      schema: { summary: "Create an order: reserve, pay, ship; waits for its end", body: body.createOrder },
    },
    async (request, reply) => {
      const { customerId, items, paymentMethod = "", address, contactEmail = "", waitSeconds = 60 } = request.body;
      const { order } = await orders.checkout(
        {
          customerId,
          lines: [...items],
          paymentMethod,
          contactEmail,
          ...(address === undefined ? {} : { shippingAddress: address }),
          waitFor: WaitFor.COMPLETED,
          waitAtMost: durationFromMs(waitSeconds * 1_000),
          requestId: keyOf(request),
        },
        { signal: callerLeft(reply), timeoutMs: waitSeconds * 1000 + 10_000 },
      );
      const view = orderOf(order);
      return reply
        .code(view.final ? 201 : 202)
        .header("location", `/api/orders/${view.id}`)
        .send(view);
    },
  );

  app.get<{ Params: { id: string } }>(
    "/api/orders/:id",
    { config: { answers: { 200: view.order } }, schema: { summary: "Get an order", params: body.id } },
    async ({ params }) => orderOf((await orders.getOrder({ id: params.id })).order),
  );

  app.get<{ Params: { id: string } }>(
    "/api/orders/:id/status",
    {
      config: { answers: { 200: view.status } },
      schema: {
        summary: "Tell an order's saga: its step, its attempt, what is undone and what is left",
        params: body.id,
      },
    },
    async ({ params }, reply) => statusOf(await readSaga(params.id, callerLeft(reply))),
  );

  app.get<{ Params: { id: string } }>(
    "/api/inventory/:id",
    {
      config: { answers: { 200: view.inventory } },
      schema: { summary: "Tell how many of a product there are", params: body.id },
    },
    async ({ params }) => inventoryOf((await products.getProduct({ id: params.id })).product),
  );

  app.post<{ Params: { id: string }; Body: body.Reserve }>(
    "/api/inventory/:id/reserve",
    {
      config: { answers: { 200: view.reserved } },
      schema: { summary: "Set some of a product aside by hand", params: body.id, body: body.reserve },
    },
    async (request) => {
      const productId = request.params.id;
      const { quantity, reservationId = "" } = request.body;
      const { reservation, products: left } = await stock.reserveStock({
        id: reservationId,
        kind: Reservation_Kind.MANUAL,
        lines: [{ productId, quantity }],
        requestId: keyOf(request),
      });
      const product = left[0] ?? (await products.getProduct({ id: productId })).product;
      return { reservationId: reservation?.id ?? "", reserved: quantity, ...inventoryOf(product) };
    },
  );

  app.post<{ Params: { id: string }; Body: body.Release }>(
    "/api/inventory/:id/release",
    {
      config: { answers: { 200: view.released } },
      schema: { summary: "Give back what was set aside by hand", params: body.id, body: body.release },
    },
    async (request) => {
      const { quantity } = request.body;
      const { product } = await stock.releaseManually({
        productId: request.params.id,
        quantity,
        requestId: keyOf(request),
      });
      return { released: quantity, ...inventoryOf(product) };
    },
  );

  app.post<{ Body: body.CreatePayment }>(
    "/api/payments",
    {
      config: { answers: { 201: view.payment } },
      schema: { summary: "Take money by hand, for no order", body: body.createPayment },
    },
    async (request, reply) => {
      const {
        customerId,
        amount,
        currency: currencyCode = currency,
        paymentMethod = "",
        reference = "",
      } = request.body;
      const { payment } = await payments.createPayment({
        customerId,
        amount: { currencyCode, minorUnits: BigInt(amount) },
        paymentMethod,
        reference,
        requestId: keyOf(request),
      });
      return reply.code(201).send(paymentOf(payment));
    },
  );

  app.post<{ Params: { id: string }; Body: body.Refund | undefined }>(
    "/api/payments/:id/refund",
    {
      config: { answers: { 201: view.refund } },
      schema: { summary: "Pay money back, in part or in full", params: body.id, body: body.refund },
    },
    async (request, reply) => {
      const { amount, currency: currencyCode = currency, reason = "" } = request.body ?? {};
      const { refund } = await payments.refundPayment({
        paymentId: request.params.id,
        reason,
        ...(amount === undefined ? {} : { amount: { currencyCode, minorUnits: BigInt(amount) } }),
        requestId: keyOf(request),
      });
      return reply.code(201).send(refundOf(refund));
    },
  );
}
