import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exportBinding } from "../export/export.ts";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { v1Bindings } from "./v1.ts";

let standIn: StandIn;
let gateway: TestGateway;

beforeAll(async () => {
  standIn = await startStandIn();
  gateway = await startTestGateway(standIn.address);
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

test.each(v1Bindings.map((binding) => [binding.method.name, binding] as const))(
  "%s is served where its annotation says",
  async (name, binding) => {
    const { verb, template, body, requestId, method } = binding;
    const path = template.replaceAll(/\{[^}]+\}/g, "some.id~1");
    const answer = await gateway.send(`${verb} ${path}`, {
      ...(body === undefined ? {} : { body: {} }),
      ...(requestId === undefined ? {} : { headers: { "idempotency-key": "key" } }),
    });
    // Reached is enough: what an empty request lacks is for the service to say.
    expect(answer.body.reason ?? "served").toMatch(/^(served|INVALID_ARGUMENT)$/);
    if (answer.status === 200) {
      expect(standIn.asked.at(-1)).toMatchObject({ rpc: name });
      const fields = method.output.fields.filter(({ fieldKind }) => fieldKind !== "message");
      // The export answers with the records of all services, by section.
      const names = binding === exportBinding ? ["customerId", "exportTime"] : fields.map(({ jsonName }) => jsonName);
      expect(Object.keys(answer.body).sort()).toEqual(names.sort());
    }
  },
);

test("the path takes precedence over the body", async () => {
  const body = { id: "other", productId: "p", quantity: 2 };
  await gateway.send("POST /v1/carts/mine/items", { body, headers: { "idempotency-key": "k" } });
  expect(standIn.asked.at(-1)?.request).toEqual({ id: "mine", productId: "p", quantity: 2, requestId: "k" });
});

test("a nested field in the path is written into the body's message", async () => {
  const body = { id: "other", title: "New", price: { currencyCode: "USD", minorUnits: 100 } };
  await gateway.send("PATCH /v1/products/p.1?updateMask=title,price", { body });
  expect(standIn.asked.at(-1)?.request).toEqual({
    product: { id: "p.1", title: "New", price: { currencyCode: "USD", minorUnits: "100" } },
    updateMask: "title,price",
  });
});

test("ids with every allowed character arrive unchanged", async () => {
  await gateway.send("GET /v1/orders/A~b_c.9-%7E");
  expect(standIn.asked.at(-1)?.request).toEqual({ id: "A~b_c.9-~" });
});

test.each([
  ["numbers", "pageSize=5", { pageSize: 5 }],
  ["the proto's spelling", "page_size=5&page_token=t", { pageSize: 5, pageToken: "t" }],
  ["enums by name, several", "states=STATE_OPEN&states=STATE_DELETED", { states: ["STATE_OPEN", "STATE_DELETED"] }],
  ["enums by number", "states=1", { states: ["STATE_OPEN"] }],
])("the query takes %s", async (_what, query, expected) => {
  await gateway.send(`GET /v1/carts?customerId=c&${query}`);
  expect(standIn.asked.at(-1)).toMatchObject({ rpc: "ListCarts", request: { customerId: "c", ...expected } });
});

test("nested fields in the query are written with dots", async () => {
  await gateway.send("GET /v1/products:search?query=a%20b&minPrice.currencyCode=USD&minPrice.minorUnits=100");
  expect(standIn.asked.at(-1)).toMatchObject({
    rpc: "SearchProducts",
    request: { query: "a b", minPrice: { currencyCode: "USD", minorUnits: "100" } },
  });
});

test("a query cannot set anything but fields", async () => {
  const answer = await gateway.send("GET /v1/products?__proto__.polluted=1&constructor=2");
  expect(answer.body.violations.map(({ field }: { field: string }) => field)).toEqual([
    "__proto__.polluted",
    "constructor",
  ]);
});

test("numbers may be sent as text, and 64-bit text as numbers", async () => {
  const headers = { "idempotency-key": "k" };
  await gateway.send("POST /v1/payments", {
    body: { customerId: "c", amount: { currencyCode: "USD", minorUnits: 5 } },
    headers,
  });
  expect(standIn.asked.at(-1)?.request).toMatchObject({ amount: { minorUnits: "5" } });
  await gateway.send("POST /v1/carts/c/items", { body: { product_id: "p", quantity: "3" }, headers });
  expect(standIn.asked.at(-1)?.request).toMatchObject({ productId: "p", quantity: 3 });
});

test("Idempotency-Key sets the request id, whatever the body says", async () => {
  const body = { customerId: "c", requestId: "mine" };
  await gateway.send("POST /v1/carts", { body, headers: { "idempotency-key": "the-key" } });
  expect(standIn.asked.at(-1)?.request).toEqual({ customerId: "c", requestId: "the-key" });
});

test("the header Guest-Token opens a guest's cart; a body may have it, a query may not", async () => {
  await gateway.send("GET /v1/guest-carts/g", { headers: { "guest-token": "secret" } });
  expect(standIn.asked.at(-1)).toMatchObject({ rpc: "GetGuestCart", request: { id: "g", guestToken: "secret" } });
  await gateway.send("POST /v1/carts/g:merge", { body: { customerId: "c", guestToken: "secret" } });
  expect(standIn.asked.at(-1)?.request).toEqual({ sourceId: "g", customerId: "c", guestToken: "secret" });
  const asked = standIn.asked.length;
  expect((await gateway.send("GET /v1/guest-carts/g?guestToken=secret")).status).toBe(400);
  expect(standIn.asked).toHaveLength(asked);
});

test("a POST that creates nothing needs no key and no body", async () => {
  standIn.answer("CancelOrder", () => ({ order: { id: "o" } }));
  expect((await gateway.send("POST /v1/orders/o:cancel")).body.order.id).toBe("o");
});

test("a created resource has its Location", async () => {
  standIn.answer("Checkout", () => ({ order: { id: "o.1" } }));
  standIn.answer("CreateAccount", () => ({ account: { customerId: "c~1" } }));
  const send = (path: string) =>
    gateway.send(`POST ${path}`, { body: { customerId: "c" }, headers: { "idempotency-key": "k" } });
  expect((await send("/v1/orders")).headers.get("location")).toBe("/v1/orders/o.1");
  expect((await send("/v1/accounts")).headers.get("location")).toBe("/v1/accounts/c~1");
});

test("answers have every field, zero and empty ones too", async () => {
  const createTime = timestampFromDate(new Date("2030-01-02T03:04:05.678Z"));
  standIn.answer("GetProduct", () => ({
    product: { id: "p", price: { currencyCode: "USD" }, createTime, pictureUrl: "" },
  }));
  expect((await gateway.send("GET /v1/products/p")).body).toEqual({
    product: {
      id: "p",
      sku: "",
      title: "",
      description: "",
      price: { currencyCode: "USD", minorUnits: "0" },
      onHand: 0,
      pictureUrl: "",
      reserved: 0,
      available: 0,
      etag: "",
      createTime: "2030-01-02T03:04:05.678Z",
    },
  });
});

test("a call's timeout is its wait_at_most plus a margin, or half a minute", async () => {
  const remaining: number[] = [];
  standIn.answer("Checkout", (_request, context) => {
    remaining.push(context.timeoutMs() ?? 0);
    return { order: { id: "o" } };
  });
  const body = { customerId: "c", lines: [{ productId: "p", quantity: 1 }] };
  const headers = { "idempotency-key": "k" };
  await gateway.send("POST /v1/orders", { body: { ...body, waitAtMost: "300s", waitFor: "WAIT_FOR_PAID" }, headers });
  expect(standIn.asked.at(-1)?.request).toMatchObject({ waitAtMost: "300s", waitFor: "WAIT_FOR_PAID" });
  await gateway.send("POST /v1/orders", { body, headers });
  expect(remaining[0]).toBeGreaterThan(300_000);
  expect(remaining[0]).toBeLessThanOrEqual(310_000);
  expect(remaining[1]).toBeGreaterThan(20_000);
  expect(remaining[1]).toBeLessThanOrEqual(30_000);
});

test("a caller who disconnects cancels its call", async () => {
  const entered = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  standIn.answer("GetCart", (_request, { signal }) => {
    signal.addEventListener("abort", () => left.resolve());
    entered.resolve();
    return left.promise;
  });
  const leaving = new AbortController();
  const answer = fetch(`${gateway.url}/v1/carts/c`, { signal: leaving.signal });
  await entered.promise;
  leaving.abort();
  await expect(answer).rejects.toThrow();
  await left.promise;
});
