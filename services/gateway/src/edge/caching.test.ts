import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { accessRule } from "@sagacart/chassis/auth/access";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { feeds } from "../v1/feeds.ts";
import type { AnyBinding } from "../v1/transcode.ts";
import { v1Bindings } from "../v1/v1.ts";

let standIn: StandIn;
let gateway: TestGateway;
let guarded: TestGateway;
let issuer: TestIssuer;

beforeAll(async () => {
  issuer = await startIssuer();
  standIn = await startStandIn();
  gateway = await startTestGateway(standIn.address, { corsOrigins: ["https://shop.example"] });
  guarded = await startTestGateway(standIn.address, { verifier: issuer.verifier() });
});
afterAll(async () => {
  await guarded[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
});

/** The answers that are the same for everyone, with a request that succeeds. */
const shared = new Map([
  ["GET /v1/products/{id}", "GET /v1/products/x"],
  ["GET /v1/products:batchGet", "GET /v1/products:batchGet?ids=x"],
  ["GET /v1/products", "GET /v1/products"],
  ["GET /v1/products:search", "GET /v1/products:search?query=x"],
]);

const routes: AnyBinding[] = [...v1Bindings, ...feeds.map(({ binding }) => binding)];
const table = routes.map((binding) => [`${binding.verb} ${binding.template}`, binding] as const);

const namesIn = (vary: string | null) => new Set((vary ?? "").split(",").map((name) => name.trim().toLowerCase()));

test.each(table)(
  "%s may be stored only if it is the same for everyone, and varies by what opens it",
  async (route, binding) => {
    const line = shared.get(route) ?? route.replaceAll(/\{[^}]+\}/g, "x");
    const { status, headers } = await gateway.send(line, {
      headers: { "idempotency-key": "k", origin: "https://shop.example" },
    });

    const caching = headers.get("cache-control");
    expect([shared.has(route) && status, caching]).toEqual(shared.has(route) ? [200, "no-cache"] : [false, "no-store"]);
    const vary = namesIn(headers.get("vary"));
    const isGuests =
      route.includes("/guest-") || binding.method.input.fields.some(({ name }) => name === "guest_token");
    expect(vary.has("authorization")).toBe(accessRule(binding.method).roles.length > 0);
    expect(vary.has("guest-token")).toBe(isGuests && route !== "POST /v1/guest-carts");
    expect(vary.has("origin")).toBe(true);
  },
);

test.each([
  ["no route", "GET /v1/nothing", 404],
  ["a method that is not served", "PUT /v1/products:search", 405],
  ["a path that is not one", "GET /v1/products/%zz", 400],
  ["a product that breaks the rules of ids", "GET /v1/products/a%20b", 400],
  ["no token", "GET /v1/orders/x", 401],
])("%s is an error that is not stored", async (_what, line, expected) => {
  const { status, headers } = await guarded.send(line);
  expect([status, headers.get("cache-control")]).toEqual([expected, "no-store"]);
});

test("routes that are not of the contract are not stored either, except the documents", async () => {
  for (const [line, expected] of [
    ["GET /health", "no-store"],
    ["GET /metrics", "no-store"],
    ["GET /openapi.json", "no-cache"],
  ] as const) {
    expect((await gateway.send(line)).headers.get("cache-control"), line).toBe(expected);
  }
});

describe("over Connect", () => {
  async function headersOf(call: (onHeader: (headers: Headers) => void) => Promise<unknown>) {
    let found = new Headers();
    await call((headers) => {
      found = headers;
    });
    return found;
  }
  const transport = () => createConnectTransport({ baseUrl: gateway.url, httpVersion: "1.1", useHttpGet: true });

  test("an answer that is the same for everyone may be stored", async () => {
    const products = createClient(ProductService, transport());
    const headers = await headersOf((onHeader) => products.getProduct({ id: "x" }, { onHeader }));
    expect(headers.get("cache-control")).toBe("no-cache");
  });

  test("a personal one may not, and varies by the token", async () => {
    const carts = createClient(CartService, transport());
    const headers = await headersOf((onHeader) => carts.getCart({ id: "x" }, { onHeader }));
    expect(headers.get("cache-control")).toBe("no-store");
    expect(namesIn(headers.get("vary"))).toContain("authorization");
  });

  test("an error may not", async () => {
    const products = createClient(ProductService, transport());
    const error = await products.getProduct({ id: "a b" }).catch((reason) => reason);
    expect(error.metadata.get("cache-control")).toBe("no-store");
  });
});
