import { ScalarType } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publicServices } from "../services.ts";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { isAnnotated, isBodyOnly } from "./bindings.ts";
import { feeds } from "./feeds.ts";
import type { AnyBinding } from "./transcode.ts";
import { v1Bindings } from "./v1.ts";

// URLs are kept by logs of proxies, histories of browsers and monitoring: nothing personal and no secret belongs there.

const bindings: readonly AnyBinding[] = [...v1Bindings, ...feeds.map(({ binding }) => binding)];

/**
 * The texts that URLs may have: ids, versions, names of kinds, and words that customers or staff search the catalogue and their
 * own carts for. A new one needs a decision: if it tells who somebody is or opens something, mark it `body_only` in the contract.
 */
const allowed = [
  ...["cart_id", "consumer", "currency_code", "customer_id", "endpoint_id", "etag", "event_type", "id", "ids"],
  ...[
    "language",
    "min_price.currency_code",
    "max_price.currency_code",
    "name",
    "name_contains",
    "order_id",
    "page_token",
  ],
  ...["payment_id", "product_id", "query", "refund_id", "role", "skus", "source_id", "subject", "types", "user_id"],
  ...["address.user_id", "request_id", "stock.reference", "actor_id", "event", "outcome"],
];

test("every text that a URL may have is decided", () => {
  const found = bindings.flatMap((binding) =>
    [...binding.path, ...binding.query.values()]
      .map(({ fields }) => fields)
      .filter((fields) => fields.at(-1)?.scalar === ScalarType.STRING)
      .map((fields) => fields.map(({ name }) => name).join(".")),
  );
  const undecided = [...new Set(found)].filter((name) => !allowed.includes(name) && !/(^|\.)(id|etag)$/.test(name));
  expect(undecided.toSorted()).toEqual([]);
});

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

const withBodyOnly = bindings.flatMap((binding) =>
  [...binding.bodyOnly].map((field) => [`${binding.verb} ${binding.template}`, field, binding] as const),
);

test("the fields that are kept out of URLs include names, addresses and tokens", () => {
  const routes = withBodyOnly.map(([route, field]) => `${route} ${field}`);
  expect(routes).toEqual(
    expect.arrayContaining([
      ...["GET /v1/users email", "GET /v1/users username", "GET /v1/mailbox to"],
      ...["GET /v1/guest-carts/{id} guestToken", "GET /v1/guest-orders/{id} guest_token"],
    ]),
  );
});

test.each(withBodyOnly)("%s?%s= is refused, with the name of the field", async (route, field, { template }) => {
  const path = template.replaceAll(/\{[^}]+\}/g, "some-id");
  const asked = standIn.asked.length;
  const headers = { "idempotency-key": "key" };
  const answer = await gateway.send(`${route.split(" ")[0]} ${path}?${field}=x`, { headers });

  expect(answer.status).toBe(400);
  const [violation] = answer.body.violations.filter((one: { field: string }) => one.field === field);
  expect(violation.message).toMatch(/must not be in a URL|there is no such query parameter/);
  expect(standIn.asked).toHaveLength(asked);
});

test.each([
  ["ListUsers", "POST /v1/users:search", { email: "ada@shop.test", username: "ada", role: "customer", pageSize: 5 }],
  ["ListMailboxMessages", "POST /v1/mailbox:search", { to: "ada@shop.test" }],
])("%s takes them from the body of %s", async (rpc, route, body) => {
  expect((await gateway.send(route, { body })).status).toBe(200);
  expect(standIn.asked.at(-1)).toMatchObject({ rpc, request: body });
});

test("what is not personal stays in the query", async () => {
  await gateway.send("GET /v1/users?role=operator&pageSize=5");
  expect(standIn.asked.at(-1)).toMatchObject({ rpc: "ListUsers", request: { role: "operator", pageSize: 5 } });
});

describe("Connect's GET, which has the message in the URL", () => {
  const reads = [...publicServices.keys()].flatMap(({ methods }) =>
    methods.filter(
      (method) =>
        isAnnotated(method) &&
        method.methodKind === "unary" &&
        method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
    ),
  );

  test.each(reads.map((method) => [method.name, method] as const))("of %s", async (_name, method) => {
    const url = `${gateway.url}/${method.parent.typeName}/${method.name}?connect=v1&encoding=json&message=%7B%7D`;
    const { status } = await fetch(url);
    // Reached is enough: what an empty message lacks is for the service to say.
    expect(status === 405).toBe(method.input.fields.some(isBodyOnly));
  });
});
