import { wrongExamples } from "@sagacart/rest/testing/wrong-examples";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestSurfaces, type TestSurfaces } from "../testing/surfaces.ts";

let surfaces: TestSurfaces;

beforeAll(async () => {
  surfaces = await startTestSurfaces("127.0.0.1:1");
});

afterAll(async () => {
  await surfaces[Symbol.asyncDispose]();
});

const urls = ["wdm", "wippy", "dapr", "shop"].map((name) => `/openapi/${name}.json`);

test.each(urls)("%s is OpenAPI 3.1", async (path) => {
  const { status, body } = await surfaces.send(`GET ${path}`);
  expect(status).toBe(200);
  const result = await new Validator().validate(body);
  expect(result).toEqual({ valid: true });
  expect(body.openapi).toBe("3.1.0");
});

test.each(urls)("each operation of %s has an example of a good request and its answer", async (path) => {
  const { body } = await surfaces.send(`GET ${path}`);
  expect(wrongExamples(body)).toEqual([]);
});

test("the surfaces' documents have their routes", async () => {
  const wdm = (await surfaces.send("GET /openapi/wdm.json")).body.paths;
  expect(Object.keys(wdm)).toHaveLength(18);
  expect(wdm["/payment/add_funds/{user_id}/{amount}"].post.parameters).toContainEqual({
    in: "path",
    name: "amount",
    required: true,
    example: 100,
    schema: { type: "integer", minimum: 1, maximum: 1_000_000_000_000_000 },
  });
  const dapr = (await surfaces.send("GET /openapi/dapr.json")).body.paths;
  expect(Object.keys(dapr)).toEqual([
    "/api/orders",
    "/api/orders/{id}",
    "/api/orders/{id}/status",
    "/api/inventory/{id}",
    "/api/inventory/{id}/reserve",
    "/api/inventory/{id}/release",
    "/api/payments",
    "/api/payments/{id}/refund",
  ]);
});

test("the Flask shop needs a token for everything but signing in and registering", async () => {
  const { paths, security, components } = (await surfaces.send("GET /openapi/shop.json")).body;
  const operations = Object.entries<object>(paths).flatMap(([path, byVerb]) =>
    Object.entries(byVerb).map(([verb, { security }]) => [`${verb.toUpperCase()} ${path}`, security] as const),
  );
  expect(operations).toHaveLength(22);
  expect(operations.filter(([, security]) => security !== undefined)).toEqual([
    ["POST /api/v1/login", []],
    ["POST /api/v1/users", []],
  ]);
  expect(security).toEqual([{ token: [] }]);
  expect(components.securitySchemes.token).toMatchObject({ type: "http", scheme: "bearer" });
});
