import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { feeds } from "../v1/feeds.ts";
import { v1Bindings } from "../v1/v1.ts";
import { documentedPath } from "./document.ts";

let gateway: TestGateway;
// biome-ignore lint/suspicious/noExplicitAny: the validator says what it is.
let document: any;

beforeAll(async () => {
  gateway = await startTestGateway("127.0.0.1:1");
  document = (await gateway.send("GET /openapi.json")).body;
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

test("it is OpenAPI 3.1", async () => {
  expect(await new Validator().validate(document)).toEqual({ valid: true });
  expect(document.openapi).toBe("3.1.0");
});

test("it has every route of the descriptors, and nothing else under /v1", () => {
  const served = [...v1Bindings, ...feeds.map(({ binding }) => binding)].map(
    (binding) => `${binding.verb} ${documentedPath(binding)}`,
  );
  const documented = Object.entries<object>(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((verb) => `${verb.toUpperCase()} ${path}`),
  );
  expect(documented.sort()).toEqual([...served, "POST /v1/provider-webhooks/{provider}"].sort());
});

test("each method that may change something can conflict, whatever its verb", () => {
  for (const binding of v1Bindings) {
    const { responses } = document.paths[documentedPath(binding)][binding.verb.toLowerCase()];
    const reads = binding.method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    expect([binding.method.name, "409" in responses]).toEqual([binding.method.name, !reads]);
  }
});

test("operation ids are unique, and all references resolve", () => {
  const operations = Object.values<object>(document.paths).flatMap((item) => Object.values(item));
  const ids = operations.map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/([^"]+)"/g)];
  expect(references.length).toBeGreaterThan(100);
  for (const [, kind = "", name = ""] of references) {
    expect(document.components[kind]).toHaveProperty([name]);
  }
});

describe("rules and comments of the contract", () => {
  test("patterns, ranges, limits and required fields are in it", () => {
    const { schema } = document.paths["/v1/orders"].post.requestBody.content["application/json"];
    expect(schema.required).toEqual(["customerId"]);
    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties.customerId).toMatchObject({
      type: "string",
      pattern: "^[A-Za-z0-9._~-]{1,63}$",
      description: "The customer who buys.",
    });
    expect(schema.properties.lines).toMatchObject({ type: "array", maxItems: 100 });
    expect(document.components.schemas["order.LineInput"].properties.quantity).toMatchObject({
      minimum: 1,
      maximum: 1_000_000,
    });
    expect(document.components.schemas["order.Order"].properties.state.enum).toContain("STATE_AWAITING_PAYMENT");
  });

  test("fields of the header and the path are not in the body", () => {
    const pay = document.paths["/v1/orders/{id}:pay"].post;
    expect(pay.parameters).toContainEqual(
      expect.objectContaining({ name: "Idempotency-Key", in: "header", required: true }),
    );
    const { properties } = pay.requestBody.content["application/json"].schema;
    expect(Object.keys(properties)).toEqual(["customerId", "paymentMethod", "waitAtMost", "waitFor"]);
  });

  test("a query has its parameters, nested ones by dots", () => {
    const names = document.paths["/v1/products:search"].get.parameters.map(({ name }: { name: string }) => name);
    expect(names).toEqual([
      "query",
      "minPrice.currencyCode",
      "minPrice.minorUnits",
      "maxPrice.currencyCode",
      "maxPrice.minorUnits",
      "pageSize",
      "pageToken",
    ]);
  });

  test("every operation has a summary, and problems as its errors", () => {
    for (const operations of Object.values<object>(document.paths)) {
      for (const operation of Object.values(operations)) {
        expect(operation.summary.length).toBeGreaterThan(9);
        expect(operation.responses["503"]).toEqual({ $ref: "#/components/responses/503" });
      }
    }
    for (const response of Object.values<{ content: object }>(document.components.responses)) {
      expect(response.content).toEqual({
        "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
      });
    }
  });
});

test("the page to try the API loads nothing from elsewhere", async () => {
  const page = await gateway.send("GET /docs/");
  expect(page.status).toBe(200);
  const needed = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url);
  expect(needed.length).toBeGreaterThan(3);
  for (const url of needed) {
    expect(url).toMatch(/^\.\//);
    expect((await gateway.send(`GET /docs/${url}`)).status).toBe(200);
  }
  const { body } = await gateway.send("GET /docs/static/swagger-initializer.js");
  expect(body).toContain('"urls":[{"name":"/v1","url":"/openapi.json"}]');
});

test("the page to try the API works on plain HTTP, on every host", async () => {
  for (const path of ["/docs", "/docs/", "/docs/static/index.html", "/docs/static/swagger-initializer.js"]) {
    const policy = (await gateway.send(`GET ${path}`)).headers.get("content-security-policy");
    expect(policy, path).not.toContain("upgrade-insecure-requests");
    expect(policy, path).toContain("default-src");
  }
});

test("the page, its documents and the metrics can be kept from the public port", async () => {
  const standIn = await startStandIn();
  const closed = await startTestGateway(standIn.address, { showDocs: false, showMetrics: false });
  for (const path of ["/docs", "/docs/", "/docs/json", "/docs/static/index.html", "/openapi.json", "/metrics"]) {
    expect((await closed.send(`GET ${path}`)).status, path).toBe(404);
  }
  expect((await closed.send("GET /health")).status).toBe(200);
  await closed[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});
