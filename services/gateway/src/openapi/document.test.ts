import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { accessRule } from "@sagacart/chassis/auth/access";
import { readExamples } from "@sagacart/rest/openapi/examples";
import { wrongExamples } from "@sagacart/rest/testing/wrong-examples";
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

test("each operation has an example of a good request and its answer, which its schemas allow", () => {
  expect(wrongExamples(document)).toEqual([]);
});

test("there are no examples of operations that are gone", () => {
  const operations = Object.values<object>(document.paths).flatMap((item) => Object.values(item));
  const ids = operations.map(({ operationId }) => operationId);
  const recorded = Object.keys(readExamples(new URL("v1-examples.json", import.meta.url)));
  expect(recorded.filter((name) => !ids.includes(name))).toEqual([]);
});

test("each method that may change something can conflict, whatever its verb, and each with a request id can find it used", () => {
  for (const binding of v1Bindings) {
    const { responses } = document.paths[documentedPath(binding)][binding.verb.toLowerCase()];
    const reads = binding.method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    expect([binding.method.name, "409" in responses]).toEqual([binding.method.name, !reads]);
    const hasRequestId = binding.method.input.fields.some(({ name }) => name === "request_id");
    expect([binding.method.name, "422" in responses]).toEqual([binding.method.name, hasRequestId]);
  }
});

test("operation ids are unique, and all references resolve", () => {
  const operations = Object.values<object>(document.paths).flatMap((item) => Object.values(item));
  const ids = operations.map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !/^[a-z][A-Za-z]+$/.test(id))).toEqual([]);
  expect(document.paths["/v1/orders"].post).toMatchObject({
    operationId: "checkout",
    "x-rpc": "sagacart.order.v1.OrderService/Checkout",
  });
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/([^"]+)"/g)];
  expect(references.length).toBeGreaterThan(100);
  for (const [, kind = "", name = ""] of references) {
    expect(document.components[kind]).toHaveProperty([name]);
  }
});

describe("answers have schemas of their own", () => {
  const componentsOf = (node: unknown, found = new Set<string>()): Set<string> => {
    for (const [, name = ""] of JSON.stringify(node).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (!found.has(name)) {
        componentsOf(document.components.schemas[name], found.add(name));
      }
    }
    return found;
  };
  const operations = () => Object.values<object>(document.paths).flatMap((item) => Object.values(item));
  const answers = () =>
    [...operations().reduce((found, { responses }) => componentsOf(responses["200"], found), new Set<string>())].map(
      (name) => [name, document.components.schemas[name]] as const,
    );

  test("which may grow, and have no rules for requests", () => {
    expect(answers().length).toBeGreaterThan(100);
    for (const [name, schema] of answers()) {
      expect([name, "additionalProperties" in schema && schema.additionalProperties === false]).toEqual([name, false]);
      expect([name, /"(?:maxLength|minLength|maxItems|maximum)"/.test(JSON.stringify(schema))]).toEqual([name, false]);
    }
  });

  test("in which what is always there is required", () => {
    const { Order, Product, CheckoutResponse } = document.components.schemas;
    expect(Order.required).toEqual(
      expect.arrayContaining(["id", "customerId", "state", "lines", "sequence", "shortages"]),
    );
    expect(Order.required).not.toEqual(expect.arrayContaining(["shippingAddress"]));
    expect(Product.required).toContain("available");
    expect(CheckoutResponse.required).toEqual(["attached"]);
  });

  test("in which 64-bit integers are text, while requests may have either", () => {
    expect(document.components.schemas.Money.properties.minorUnits.type).toBe("string");
    expect(document.components.schemas.MoneyInput.properties.minorUnits.type).toEqual(["string", "integer"]);
    for (const [name, schema] of answers()) {
      expect([name, JSON.stringify(schema).includes('["string","integer"]')]).toEqual([name, false]);
    }
  });

  test("which no request uses", () => {
    const asked = operations().reduce(
      (found, { requestBody, parameters }) => componentsOf([requestBody, parameters], found),
      new Set<string>(),
    );
    expect(answers().filter(([name]) => asked.has(name))).toEqual([]);
  });

  test("with names that make good names of classes", () => {
    expect(Object.keys(document.components.schemas).filter((name) => !/^[A-Z][A-Za-z]+$/.test(name))).toEqual([]);
  });
});

test("a customer may leave out the customer's id, wherever it is", () => {
  for (const binding of v1Bindings) {
    const { requestBody, parameters } = document.paths[documentedPath(binding)][binding.verb.toLowerCase()];
    const required = requestBody?.content["application/json"].schema.required ?? [];
    const inQuery = parameters.filter((parameter: { name: string; in: string; required?: boolean }) => {
      return parameter.in === "query" && parameter.name === "customerId" && parameter.required === true;
    });
    const { roles } = accessRule(binding.method);
    const isNeeded = required.includes("customerId") || inQuery.length > 0;
    expect([binding.method.name, roles.includes("customer") && isNeeded]).toEqual([binding.method.name, false]);
  }
});

describe("rules and comments of the contract", () => {
  test("patterns, ranges, limits and required fields are in it", () => {
    const { schema } = document.paths["/v1/orders"].post.requestBody.content["application/json"];
    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties.customerId).toMatchObject({
      type: "string",
      pattern: "^[A-Za-z0-9._~-]{1,63}$",
      description: "The customer who buys.",
    });
    expect(schema.properties.lines).toMatchObject({ type: "array", maxItems: 100 });
    expect(document.components.schemas.LineInput.properties.quantity).toMatchObject({
      minimum: 1,
      maximum: 1_000_000,
    });
    expect(document.components.schemas.Order.properties.state.enum).toContain("STATE_AWAITING_PAYMENT");
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

test("people sign in on the page by OpenID Connect with PKCE", async () => {
  const { body } = await gateway.send("GET /docs/static/swagger-initializer.js");
  const [, options = ""] = /ui\.initOAuth\((.*)\)/.exec(body) ?? [];
  expect(JSON.parse(options)).toEqual({
    clientId: "docs",
    scopes: ["openid", "roles", "account"],
    usePkceWithAuthorizationCodeGrant: true,
  });
  expect(document.components.securitySchemes.signIn.flows).toMatchObject({
    authorizationCode: { authorizationUrl: "/oidc/auth", tokenUrl: "/oidc/token" },
  });
});

test.each([
  ["an order of one's own", "/v1/orders/{id}", "get", ["openid"]],
  ["what only staff may", "/v1/users", "get", ["openid", "roles"]],
  ["the account", "/v1/users/{userId}/sessions", "get", ["openid", "account"]],
])("an operation says which scopes an application needs: %s", (_what, path, verb, scopes) => {
  expect(document.paths[path]?.[verb]?.security).toEqual([{ token: [] }, { signIn: scopes }]);
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
