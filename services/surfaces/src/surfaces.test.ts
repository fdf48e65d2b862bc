import { afterAll, beforeAll, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestSurfaces, type TestSurfaces } from "./testing/surfaces.ts";

let standIn: StandIn;
let surfaces: TestSurfaces;

beforeAll(async () => {
  standIn = await startStandIn();
  surfaces = await startTestSurfaces(standIn.address);
});

afterAll(async () => {
  await surfaces[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

test.each([
  ["a path that is nowhere", "GET /api/nothing", {}, 404, "ROUTE_NOT_FOUND", "/api/nothing"],
  ["the wrong method", "GET /stock/item/create/1", {}, 405, "METHOD_NOT_ALLOWED", "POST"],
  ["a negative amount on a surface", "POST /stock/item/create/-5", {}, 400, "INVALID_REQUEST", "price: must be from 0"],
  [
    "a huge amount on a surface",
    `POST /payment/add_funds/u/${"9".repeat(30)}`,
    {},
    400,
    "INVALID_REQUEST",
    "amount: must be from 1",
  ],
  [
    "a text for a number on a surface",
    "POST /stock/add/i/many",
    {},
    400,
    "INVALID_REQUEST",
    "amount: must be a whole number",
  ],
  [
    "a hexadecimal number on a surface",
    "POST /stock/add/i/0x10",
    {},
    400,
    "INVALID_REQUEST",
    "amount: must be a whole number",
  ],
  ["too many rows", "POST /payment/batch_init/1000001/1", {}, 400, "INVALID_REQUEST", "n: must be from 1 to 1000000"],
  [
    "a wrong body on the Dapr surface",
    "POST /api/orders",
    { body: { customerId: "a", items: [{ productId: "b", quantity: "1" }] } },
    400,
    "INVALID_REQUEST",
    "items[0].quantity: must be integer",
  ],
  ["malformed JSON on the Dapr surface", "POST /api/orders", { body: "{" }, 400, "MALFORMED_JSON", "JSON"],
])("bad input is a typed 4xx that names what is wrong: %s", async (_what, sent, options, status, reason, named) => {
  const asked = standIn.asked.length;
  const answer = await surfaces.send(sent, options);
  expect(answer.body).toMatchObject({ status, reason });
  expect(answer.body.detail).toContain(named);
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  expect(standIn.asked.length).toBe(asked);
});

test("a body of 10 MB is 413", async () => {
  const body = "a".repeat(10_000_000);
  expect((await surfaces.send("POST /api/orders", { body })).body).toMatchObject({
    status: 413,
    reason: "BODY_TOO_LARGE",
  });
  expect((await surfaces.send("POST /hello", { body })).status).toBe(413);
});

test("the services are told the request id, the trace and the address that the gateway sends along", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const headers = { "x-request-id": "shop-17", traceparent, "x-forwarded-for": "192.0.2.7" };
  const answer = await surfaces.send("POST /api/v1/login", { body: { username: "ada", password: "secret" }, headers });
  expect(answer.headers.get("x-request-id")).toBe("shop-17");
  const { header } = standIn.asked.at(-1)!;
  expect(["x-request-id", "traceparent", "x-client-address"].map((name) => header.get(name))).toEqual([
    "shop-17",
    traceparent,
    "192.0.2.7",
  ]);
});

test("it is ready while the services are, and /ready lists them", async () => {
  await expect.poll(async () => (await surfaces.send("GET /ready")).status).toBe(200);
  expect((await surfaces.send("GET /ready")).body.services).toEqual({
    order: true,
    stock: true,
    payment: true,
    shipping: true,
    identity: true,
  });
});
