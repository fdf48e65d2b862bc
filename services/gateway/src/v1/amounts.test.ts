import { create, type DescField, type DescMessage, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { createConnectTransport } from "@connectrpc/connect-node";
import { MoneySchema } from "@sagacart/proto/type/v1/money";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { postOverHttp2 } from "../testing/post-over-http2.ts";
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

/** The amounts that a request may leave out, and what that means. Every other one is required by the contract. */
const mayBeAbsent: Readonly<Record<string, string>> = {
  "Checkout expected_total": "the caller expects no total",
  "CheckoutGuestCart expected_total": "the caller expects no total",
  "RefundOrder amount": "all that is left of the order's total",
  "RefundPayment amount": "all that is left of the capture",
  "SettleRefund amount": "all of the refund",
  "SearchProducts min_price": "no lowest price",
  "SearchProducts max_price": "no highest price",
  "UpdateProduct product.price": "the price stays as it is; stock requires it if update_mask names it",
};

type Path = readonly DescField[];
type Amount = { readonly binding: Binding; readonly path: Path; readonly name: string };

const amounts: Amount[] = v1Bindings.flatMap((binding) =>
  pathsToMoney(binding.method.input).map((path) => ({
    binding,
    path,
    name: `${binding.method.name} ${path.map(({ name }) => name).join(".")}`,
  })),
);

test("these are the amounts that requests have", () => {
  const required = ["CreatePayment amount", "CreateProduct product.price", "Deposit amount"];
  expect([...new Set(amounts.map(({ name }) => name))].sort()).toEqual(
    [...Object.keys(mayBeAbsent), ...required].sort(),
  );
});

const wrong: [string, JsonValue, string][] = [
  ["null", null, ""],
  ["minor units that are null", { currencyCode: "EUR", minorUnits: null }, ".minorUnits"],
  ["no minor units", { currencyCode: "EUR" }, ".minorUnits"],
  ["nothing", {}, ".minorUnits"],
  ["minor units in hex", { currencyCode: "EUR", minorUnits: "0x64" }, ".minorUnits"],
  ["minor units with an exponent", { currencyCode: "EUR", minorUnits: "1e1" }, ".minorUnits"],
  ["minor units that are empty", { currencyCode: "EUR", minorUnits: "" }, ".minorUnits"],
  ["minor units that are true", { currencyCode: "EUR", minorUnits: true }, ".minorUnits"],
  ["a fraction", { currencyCode: "EUR", minorUnits: 1.5 }, ".minorUnits"],
  ["a number", 5, ""],
  ["a list", [], ""],
];

describe.each(amounts.filter(({ binding }) => binding.body !== undefined))(
  "$name over REST",
  ({ binding, path, name }) => {
    const at = path.map(({ jsonName }) => jsonName).join(".");

    test.each(wrong)("refuses %s", async (_what, value, below) => {
      const { status, body, asked } = await send(binding, path, value);
      expect(status).toBe(400);
      expect(body.violations.map(({ field }: { field: string }) => field)).toContain(at + below);
      expect(asked).toBe(0);
    });

    test("is taken when it is whole", async () => {
      const { status, body } = await send(binding, path, { currencyCode: "EUR", minorUnits: "5" });
      expect(body).not.toHaveProperty("violations");
      expect(status).toBe(200);
    });

    test(`is ${mayBeAbsent[name] === undefined ? "required" : "optional"}`, async () => {
      const { status } = await send(binding, path, undefined);
      expect(status).toBe(mayBeAbsent[name] === undefined ? 400 : 200);
    });
  },
);

test.each([
  ["minPrice.currencyCode=EUR", "minPrice.minorUnits"],
  ["minPrice.minorUnits=", "minPrice.minorUnits"],
  ["maxPrice.currencyCode=EUR&maxPrice.minorUnits=0x5", "maxPrice.minorUnits"],
  ["maxPrice.currencyCode=EUR&maxPrice.minorUnits=1e1", "maxPrice.minorUnits"],
  ["maxPrice.currencyCode=EUR&maxPrice.minorUnits=%205", "maxPrice.minorUnits"],
  ["pageSize=0x5", "pageSize"],
  ["pageSize=1e1", "pageSize"],
  ["pageSize=5.0", "pageSize"],
  ["pageSize=%2B5", "pageSize"],
  ["pageSize=", "pageSize"],
  ["page_size=05", "pageSize"],
])("the query %s is refused", async (query, field) => {
  const { status, body } = await gateway.send(`GET /v1/products:search?${query}`);
  expect({ status, fields: body.violations.map((each: { field: string }) => each.field) }).toEqual({
    status: 400,
    fields: expect.arrayContaining([field]),
  });
});

test.each([
  ["GET /v1/orders/o/refunds?states=01", undefined],
  ["GET /v1/events?afterPosition=0x5", undefined],
  ["GET /v1/carts?customerId=c&states=1e0", undefined],
  ["POST /v1/orders", { customerId: "c", waitAtMost: "1s garbage" }],
  ["POST /v1/orders", { customerId: "c", waitAtMost: "1.0000000001s" }],
  ["POST /v1/orders", { customerId: "c", lines: [{ productId: "p", quantity: "0x2" }] }],
  ["POST /v1/orders", '{"customerId":"c","customerId":"d"}'],
])("%s with %j is 400", async (request, body) => {
  const answer = await gateway.send(request, { body, headers: { "idempotency-key": "k" } });
  expect([400, 404]).toContain(answer.status);
});

test.each(["gateway", "service"])(
  "over Connect's JSON, the %s refuses null where an amount is meant",
  async (which) => {
    const origin = which === "gateway" ? gateway.url : `http://${standIn.address}`;
    for (const { binding, path } of amounts) {
      for (const value of [
        null,
        { currencyCode: "EUR", minorUnits: null },
        { currencyCode: "EUR", minorUnits: "0x64" },
      ]) {
        const url = `${origin}/${binding.method.parent.typeName}/${binding.method.name}`;
        const answer = await postOverHttp2(
          url,
          { "content-type": "application/json" },
          JSON.stringify(nested(path, value)),
        );
        expect(answer).toMatchObject({ status: 400, body: { code: "invalid_argument" } });
        expect(JSON.stringify(answer.body)).toContain(path.map(({ jsonName }) => jsonName).join("."));
      }
    }
  },
);

test("a generated client may send an amount of zero, which JSON leaves out", async () => {
  const transport = createConnectTransport({ baseUrl: gateway.url, httpVersion: "2", useBinaryFormat: false });
  const search = amounts.find(({ name }) => name === "SearchProducts min_price");
  const message = create(search!.binding.method.input, {
    minPrice: create(MoneySchema, { currencyCode: "EUR", minorUnits: 0n }),
  } as Record<string, unknown>);
  await transport.unary(search!.binding.method, undefined, 5_000, undefined, message);
  expect(standIn.asked.at(-1)?.request).toEqual({ minPrice: { currencyCode: "EUR" } });
});

/** Sends a request that is valid but for its amount. */
async function send(
  { verb, template, method, body, path: inPath }: Binding,
  path: Path,
  amount: JsonValue | undefined,
) {
  const before = standIn.asked.length;
  const json = {
    ...valid(method.input),
    ...Object(amount === undefined ? {} : nested(path, amount, valid(method.input))),
  };
  const id = inPath.at(-1)?.fields.at(-1);
  const sent = body === "*" || body === undefined ? json : json[body.jsonName];
  const answer = await gateway.send(`${verb} ${template.replaceAll(/\{[^}]+\}/g, `an-${id?.name ?? "id"}`)}`, {
    body: sent,
    headers: { "idempotency-key": "k" },
  });
  return { ...answer, asked: standIn.asked.length - before };
}

/** The other fields that requests with amounts need. */
function valid(message: DescMessage): JsonObject {
  const has = (name: string) => message.fields.some((field) => field.name === name);
  return {
    ...(has("customer_id") ? { customerId: "c" } : {}),
    ...(has("contact_email") ? { contactEmail: "ada@example.com", paymentMethod: "pm_ok" } : {}),
    ...(has("reason") ? { reason: "cash" } : {}),
    ...(has("lines") ? { lines: [{ productId: "p", quantity: 1 }] } : {}),
    ...(has("product") ? { product: { title: "x" } } : {}),
  };
}

function nested([field, ...rest]: Path, value: JsonValue, into: JsonObject = {}): JsonObject {
  const name = field?.jsonName ?? "";
  const inside = into[name];
  return {
    ...into,
    [name]: rest.length === 0 ? value : nested(rest, value, typeof inside === "object" ? Object(inside) : {}),
  };
}

function pathsToMoney(message: DescMessage, before: Path = []): Path[] {
  return message.fields.flatMap((field) => {
    const path = [...before, field];
    if (field.message === MoneySchema) {
      return [path];
    }
    return field.message === undefined || before.length > 4 ? [] : pathsToMoney(field.message, path);
  });
}
