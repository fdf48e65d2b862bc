import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import type { Binding } from "./bindings.ts";
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
beforeEach(() => {
  standIn.asked.length = 0;
});

const routeOf = ({ verb, template }: Binding) => `${verb} ${template}`;
const bindings = new Map(v1Bindings.map((binding) => [routeOf(binding), binding]));
/** The request line, with an id for each parameter. */
const lineOf = (route: string) => route.replaceAll(/\{[^}]+\}/g, "x");

/** The reads of one resource with an etag, and the field of the answer that has it. */
const reads = v1Bindings.flatMap((binding) => {
  const resource = binding.method.output.fields.filter(({ message }) => message?.fields.some((f) => f.name === "etag"));
  const [field] = resource;
  return binding.verb === "GET" && resource.length === 1 && field?.fieldKind === "message"
    ? [{ route: routeOf(binding), rpc: binding.method.name, field }]
    : [];
});

test("every resource with an etag can be read", () => {
  expect(new Set(reads.map(({ field }) => field.message?.name))).toEqual(
    new Set(["Cart", "Product", "WebhookEndpoint", "User", "UserAddress"]),
  );
});

describe.each(reads)("$route", ({ route, rpc, field }) => {
  const line = lineOf(route);
  const answer = (resource: object) => standIn.answer(rpc, () => ({ [field.localName]: resource }));
  const get = (ifNoneMatch?: string) =>
    gateway.send(line, { headers: ifNoneMatch === undefined ? {} : { "if-none-match": ifNoneMatch } });

  test("has an ETag, which begins with the resource's etag", async () => {
    answer({ etag: "7" });
    const { status, headers, body } = await get();
    expect([status, body[field.jsonName].etag]).toEqual([200, "7"]);
    expect(headers.get("etag")).toMatch(/^"7\.[\w-]{16}"$/);
  });

  test("is 304 without a body for a caller that has it", async () => {
    answer({ etag: "7" });
    const tag = (await get()).headers.get("etag") ?? "";
    for (const ifNoneMatch of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const { status, headers, body } = await get(ifNoneMatch);
      expect([status, headers.get("etag"), body], ifNoneMatch).toEqual([304, tag, ""]);
    }
  });

  test("is answered again when anything of it has changed, also without a new etag", async () => {
    answer({ etag: "7" });
    const tag = (await get()).headers.get("etag") ?? "";
    for (const changed of [{ etag: "8" }, { etag: "7", createTime: { seconds: 1n, nanos: 0 } }]) {
      answer(changed);
      const { status, headers } = await get(tag);
      expect(status).toBe(200);
      expect(headers.get("etag")).not.toBe(tag);
    }
  });

  test("has no ETag when the service gave none", async () => {
    answer({ etag: "" });
    expect((await get("*")).status).toBe(200);
  });
});

/** A valid request for each method that changes a resource with an etag, and where its etag is in the request. */
const writes: [route: string, body: object | undefined, etag: string][] = [
  ["PATCH /v1/carts/{id}", { name: "n" }, "etag"],
  ["PUT /v1/carts/{id}", {}, "etag"],
  ["POST /v1/carts/{id}/items", { productId: "p" }, "etag"],
  ["DELETE /v1/carts/{id}/items/{product_id}", undefined, "etag"],
  ["DELETE /v1/carts/{id}", undefined, "etag"],
  ["POST /v1/carts/{source_id}:merge", { customerId: "ada", targetId: "t" }, "sourceEtag"],
  ["PUT /v1/guest-carts/{id}", {}, "etag"],
  ["POST /v1/guest-carts/{id}/items", { productId: "p" }, "etag"],
  ["DELETE /v1/guest-carts/{id}/items/{product_id}", undefined, "etag"],
  ["DELETE /v1/guest-carts/{id}", undefined, "etag"],
  ["POST /v1/guest-carts/{cart_id}:checkout", { contactEmail: "a@shop.test", paymentMethod: "pm_ok" }, "cartEtag"],
  ["PATCH /v1/products/{product.id}", { title: "t" }, "product.etag"],
  ["DELETE /v1/products/{id}", undefined, "etag"],
  ["PATCH /v1/webhook-endpoints/{endpoint.id}", { description: "d" }, "endpoint.etag"],
  ["DELETE /v1/webhook-endpoints/{id}", undefined, "etag"],
  ["DELETE /v1/users/{id}", undefined, "etag"],
  ["PUT /v1/users/{id}/roles", { roles: ["customer"] }, "etag"],
  ["DELETE /v1/users/{user_id}/addresses/{id}", undefined, "etag"],
  ["PATCH /v1/users/{user.id}", { phone: "1" }, "user.etag"],
  ["PATCH /v1/users/{address.user_id}/addresses/{address.id}", { isDefault: true }, "address.etag"],
];

test("the table has every method that changes a resource with an etag", () => {
  const withEtag = v1Bindings.filter(({ verb, path, method }) => {
    const own = method.input.fields.some(({ name }) => /(^|_)etag$/.test(name));
    const nested = method.input.fields.some(
      ({ name, message }) =>
        path.some(({ fields }) => fields.length > 1 && fields[0]?.name === name) &&
        message?.fields.some((field) => field.name === "etag"),
    );
    return verb !== "GET" && path.length > 0 && (own || nested);
  });
  expect(writes.map(([route]) => route).sort()).toEqual(withEtag.map(routeOf).sort());
});

describe.each(writes)("%s", (route, body, etag) => {
  const rpc = bindings.get(route)?.method.name ?? "";
  const line = lineOf(route);
  const send = (ifMatch: string, more: object = {}) =>
    gateway.send(line, {
      ...(body === undefined ? {} : { body: { ...body, ...more } }),
      headers: { "if-match": ifMatch, "idempotency-key": "k" },
    });
  /** The etags that the service was asked to compare. */
  const compared = () =>
    standIn.asked.map(({ request }) =>
      // biome-ignore lint/suspicious/noExplicitAny: JSON of any request.
      etag.split(".").reduce<any>((inside, name) => inside?.[name], request),
    );
  const reasons = defineReasons({ ETAG_MISMATCH: Code.Aborted, NOT_FOUND: Code.NotFound });
  const mismatch = () => {
    throw new DomainError(reasons, "ETAG_MISMATCH", "it has changed", { etag: "8" });
  };

  test.each([
    ["the ETag of an answer", '"7.aaaabbbbccccdddd"', ["7"]],
    ["the quoted etag of the resource", '"7"', ["7"]],
    ["any version", "*", [undefined]],
    ["a weak tag, which never matches", 'W/"7"', ["-"]],
    ["a tag longer than any etag", `"${"7".repeat(500)}"`, ["-"]],
    ["an empty tag", '""', ["-"]],
  ])("passes on If-Match with %s", async (_what, ifMatch, expected) => {
    standIn.answer(rpc, () => ({}));
    const { status } = await send(ifMatch);
    expect([status, compared()]).toEqual([200, expected]);
  });

  test("is 412 if the resource has another etag", async () => {
    standIn.answer(rpc, mismatch);
    const { status, body } = await send('"7"');
    expect([status, body.status, body.reason, body.metadata]).toEqual([412, 412, "ETAG_MISMATCH", { etag: "8" }]);
  });

  test("takes the one of several etags that the resource has", async () => {
    standIn.answer(rpc, () => (compared().length === 1 ? mismatch() : {}));
    expect([(await send('"6", "7.aaaabbbbccccdddd"')).status, compared()]).toEqual([200, ["6", "7"]]);
  });

  test("keeps its other errors", async () => {
    standIn.answer(rpc, () => {
      throw new DomainError(reasons, "NOT_FOUND", "there is none");
    });
    expect((await send('"6", "7"')).status).toBe(404);
    expect(compared()).toEqual(["6"]);
  });

  test.each(["7", '"7', 'x"7"', ""])("refuses %j, which is no list of etags", async (ifMatch) => {
    const { status, body } = await send(ifMatch);
    expect(status).toBe(400);
    expect(body.violations).toMatchObject([{ field: "If-Match", rule: "format" }]);
    expect(standIn.asked).toEqual([]);
  });

  test("is 409 if the body names an outdated etag and If-Match is absent", async () => {
    standIn.answer(rpc, mismatch);
    const headers = { "idempotency-key": "k" };
    expect((await gateway.send(line, { ...(body === undefined ? {} : { body }), headers })).status).toBe(409);
  });

  // Only a body can name a second condition.
  if (body !== undefined) {
    test("refuses two conditions that differ", async () => {
      standIn.answer(rpc, () => ({}));
      const name = etag.split(".").at(-1) ?? "";
      expect((await send('"7"', { [name]: "7" })).status).toBe(200);
      const { status, body } = await send('"7"', { [name]: "6" });
      expect([status, body.violations[0].field]).toEqual([400, "If-Match"]);
    });
  }
});

test.each(
  v1Bindings
    .filter(({ verb }) => verb !== "GET")
    .map(routeOf)
    .filter((route) => !writes.some(([write]) => write === route)),
)("%s refuses If-Match, which it could not check", async (route) => {
  const { status, body } = await gateway.send(lineOf(route), { headers: { "if-match": '"7"' } });
  expect([status, body.violations?.[0]?.field]).toEqual([400, "If-Match"]);
  expect(standIn.asked).toEqual([]);
});

test.each([...writes.map(([route]) => route), "POST /v1/carts"])("%s refuses If-None-Match", async (route) => {
  const { status, body } = await gateway.send(lineOf(route), { headers: { "if-none-match": "*" } });
  expect([status, body.violations?.[0]?.field]).toEqual([400, "If-None-Match"]);
});

test("PUT and PATCH answer with the new ETag, and POST and DELETE, whose answers are other things, with none", async () => {
  for (const rpc of ["UpdateCart", "ReplaceCartLines", "AddCartItem", "RemoveCartItem"]) {
    standIn.answer(rpc, () => ({ cart: { etag: "8" } }));
  }
  const etags: (string | null)[] = [];
  for (const [line, body] of [
    ["PATCH /v1/carts/x", { name: "n" }],
    ["PUT /v1/carts/x", {}],
    ["POST /v1/carts/x/items", { productId: "p" }],
    ["DELETE /v1/carts/x/items/p", undefined],
  ] as const) {
    const sent = await gateway.send(line, { ...(body && { body }), headers: { "idempotency-key": "k" } });
    etags.push(sent.headers.get("etag")?.slice(0, 3) ?? null);
  }
  expect(etags).toEqual(['"8.', '"8.', null, null]);
});
