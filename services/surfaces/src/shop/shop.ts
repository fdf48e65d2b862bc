import type { Verifier } from "@sagacart/chassis/auth/verify";
import { refuseBadTokens } from "@sagacart/rest/auth";
import { readJsonBodies } from "@sagacart/rest/json-body";
import type { FastifyInstance } from "fastify";
import { serveSurfaceDocument } from "../openapi/surface-document.ts";
import type { Clients } from "../services.ts";
import { orders } from "./orders.ts";
import { products } from "./products.ts";
import { users } from "./users.ts";

/**
 * Serves the REST of a shop of three Python services (orders, products, users), written with Flask, a web framework, behind
 * one gateway. Everything but signing in and registering needs a bearer token. Money is decimal text in the shop's currency.
 */
export async function shop(
  app: FastifyInstance,
  options: {
    clients: Clients;
    /** Clients that call with this process's own token: to register users, who have none yet. */
    own: Clients;
    verifier: Verifier | undefined;
    currency: string;
    paymentMethod: string;
    waitMs: number;
    bodyLimitBytes: number;
  },
): Promise<void> {
  refuseBadTokens(app, options);
  await serveSurfaceDocument(app, {
    title: "Sagacart: the shop's API",
    description:
      "Users, products and orders that are placed, and paid or cancelled later. Get a token from /api/v1/login. " +
      "Money is decimal text in the shop's currency.",
    url: "/openapi/shop.json",
    token: true,
  });
  readJsonBodies(app);
  products(app, options);
  orders(app, options);
  users(app, options);
}
