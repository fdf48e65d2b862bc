import type { FastifyInstance } from "fastify";
import { fields, text, whole } from "../openapi/answers.ts";
import { serveSurfaceDocument } from "../openapi/surface-document.ts";
import type { Clients } from "../services.ts";
import { orderRoutes } from "./orders.ts";
import { count, path, readPathParameters } from "./path-parameters.ts";
import { paymentRoutes } from "./payment.ts";
import { stockRoutes } from "./stock.ts";

/**
 * Serves the REST of the project of WDM ("Web-scale Data Management"), a course at TU Delft, which its tests and benchmark
 * use, and the shopping cart demo of Styx, a streaming dataflow system of the same university. No bodies: ids and numbers
 * are in the path, 2xx is done and 4xx is refused. `order_id` is a cart's id, a user is an account, and one credit is one
 * minor unit of the shop's currency.
 *
 * Each call has a request id, so that it can be retried when a service restarts: the caller's Idempotency-Key, or its own.
 */
export async function wdm(
  app: FastifyInstance,
  { clients, currency }: { clients: Clients; currency: string },
): Promise<void> {
  await serveSurfaceDocument(app, {
    title: "Sagacart: the surface of WDM",
    description: "No bodies; ids and numbers in the path. `order_id` is a cart's id; a credit is a minor unit.",
    url: "/openapi/wdm.json",
    token: false,
  });
  readPathParameters(app);
  // These clients send no bodies, but various content types.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, _body, done) => done(null, undefined));

  const money = (credits: number) => ({ currencyCode: currency, minorUnits: BigInt(credits) });
  const options = { clients, currency, money };
  paymentRoutes(app, options);
  stockRoutes(app, options);
  orderRoutes(app, options);

  // Styx submits its dataflow graph here. In Sagacart everything runs already.
  app.post<{ Params: { n_partitions: number } }>(
    "/submit/:n_partitions",
    {
      config: { answers: { 200: fields({ msg: text, n_partitions: whole }) } },
      schema: { summary: "Do nothing: everything runs already", params: path({ n_partitions: count(1, 1_000_000) }) },
    },
    async ({ params }) => ({ msg: "nothing to submit: the shop is running", n_partitions: params.n_partitions }),
  );
  const hey = { 200: { ...text, contentType: "text/plain" } };
  app.post("/hello", { config: { answers: hey }, schema: { summary: "Say hey" } }, async (_request, reply) =>
    reply.type("text/plain; charset=utf-8").send("Hey"),
  );
}
