import { generateKeyPairSync, sign } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Route, routesOf, sampleOf } from "./support/api-routes.ts";
import { type Answer, type Caller, callerOf, signIn, signUp, type User } from "./support/caller.ts";
import { startShop, type TestShop, until } from "./support/shop.ts";

// Calls every route of every document without permission: without a token, with an invalid token, and as a customer
// for another customer's data or an operator's routes. New routes are covered without a change here.

/** The documents of the surfaces without sign-in. */
const openDocuments = ["/openapi/wdm.json", "/openapi/wippy.json", "/openapi/dapr.json"];
const documents = ["/openapi.json", "/openapi/shop.json"];

/** The complete list of routes that need no token. */
const openRoutes = [
  // The catalogue.
  "GET /v1/products",
  "GET /v1/products/{id}",
  "GET /v1/products:batchGet",
  "GET /v1/products:search",
  // Signing in: the caller has no token yet.
  "POST /v1/users",
  "POST /v1/sessions",
  "POST /v1/sessions:refresh",
  "POST /v1/sessions:verifySecondFactor",
  "POST /v1/sessions:signOut",
  "POST /v1/password-resets",
  "POST /v1/password-resets:redeem",
  "POST /v1/email-tokens:confirm",
  "POST /v1/email-tokens:undo",
  "POST /api/v1/users",
  "POST /api/v1/login",
  // A guest's cart is opened by its own token.
  "POST /v1/guest-carts",
  "GET /v1/guest-carts/{id}",
  "PUT /v1/guest-carts/{id}",
  "DELETE /v1/guest-carts/{id}",
  "POST /v1/guest-carts/{id}/items",
  "DELETE /v1/guest-carts/{id}/items/{productId}",
  "POST /v1/guest-carts/{cartId}:checkout",
  "GET /v1/guest-orders/{id}",
  "GET /v1/guest-orders/{id}:watch",
  "POST /v1/guest-orders/{id}:pay",
  "POST /v1/guest-orders/{id}:cancel",
  // Signed by the provider.
  "POST /v1/provider-webhooks/{provider}",
];

/** The routes that every customer may call: they name no customer's data, or the caller's own. */
const routesOfAll = ["GET /api/v1/products", "GET /api/v1/products/search", "GET /api/v1/products/{id}"];

/** The route that every customer may call, about the caller alone, and whose password the sample does not have. */
const routeOfOneself = "POST /v1/sessions:confirmPassword";

let shop: TestShop;
let call: Caller;
let routes: Route[];
let admin: User;
let ada: User;
let bob: User;
/** The ids of Ada's data, by the path segment that they follow. */
let adas: Record<string, string>;
let productId: string;
/** Nobody's yet: a route names its customer by a field. */
let guestOrderId: string;
let badTokens: Record<string, string>;

beforeAll(async () => {
  // The first token expires at once.
  // A run on a busy machine may take longer than a sign-in is fresh, which has tests of its own.
  const lenient = { AUTH_FRESH_SIGN_IN_MS: "0" };
  shop = await startShop({
    ...{ order: lenient, payment: lenient, shipping: lenient, notifier: lenient },
    identity: { ...lenient, ACCESS_TOKEN_MS: "1000" },
  });
  call = callerOf(shop.stack);
  const { headers: expiring } = await signUp(call, "eve");
  await shop.stack.kill("identity", "SIGTERM");
  await shop.stack.start("identity", { ...lenient, ACCESS_TOKEN_MS: "900000" });
  // The gateway may not be connected to it yet.
  admin = await until(60_000, "a sign-in", () => signIn(call, "admin", "admin123"));
  ada = await signUp(call, "ada");
  bob = await signUp(call, "bob");
  adas = await makeThings();
  const all = await Promise.all(documents.map(async (url) => routesOf((await call(`GET ${url}`)).body)));
  routes = all.flat();
  badTokens = {
    expired: expiring.authorization,
    forged: forged(ada.headers.authorization, "ES256"),
    "of another role": withRoles(bob.headers.authorization, ["operator"]),
    "alg none": forged(ada.headers.authorization, "none"),
  };
});
afterAll(() => shop?.[Symbol.asyncDispose]());

/** Creates one of everything that a customer can have. */
async function makeThings(): Promise<Record<string, string>> {
  const key = () => ({ "idempotency-key": crypto.randomUUID() });
  const made = async (user: { readonly headers: Record<string, string> }, request: string, body: object) => {
    const answer = await call(request, body, { ...user.headers, ...key() });
    expect([request, answer.status]).toEqual([request, expect.toBeOneOf([200, 201])]);
    return answer.body;
  };
  const found = async (path: string) =>
    await until(
      60_000,
      path,
      async () => Object.values<{ id: string }[]>((await call(`GET ${path}`, undefined, admin.headers)).body)[0]?.[0],
    );
  productId = (await made(admin, "POST /api/v1/products", { name: "Thing", price: 1, stock: 100 })).id;
  const lines = [{ productId, quantity: 1 }];
  const { id: customerId } = ada;
  const { cart } = await made(ada, "POST /v1/carts", { customerId, lines });
  await made(admin, "POST /v1/accounts", { customerId, currencyCode: "USD" });
  const address = { line1: "1 Main St", city: "NYC", state: "NY", postal_code: "10001", country: "US" };
  const saved = await made(ada, `POST /api/v1/users/${ada.id}/addresses`, address);
  await call(`PUT /v1/contacts/${ada.id}`, { email: "ada@example.com" }, ada.headers);
  const checkout = { customerId, lines, paymentMethod: "pm_ok", waitFor: "WAIT_FOR_COMPLETED" };
  const { order } = await made(ada, "POST /v1/orders", checkout);
  expect(order.state).toBe("STATE_COMPLETED");
  const { refund } = await made(admin, `POST /v1/orders/${order.id}:refund`, {});
  const guest = await made({ headers: {} }, "POST /v1/guest-carts", { lines });
  const asGuest = { headers: { "guest-token": guest.guestToken } };
  const guests = await made(asGuest, `POST /v1/guest-carts/${guest.cart.id}:checkout`, {
    contactEmail: "guest@example.com",
    paymentMethod: "pm_ok",
    waitFor: "WAIT_FOR_COMPLETED",
  });
  guestOrderId = guests.order.id;
  const factor = await made(ada, `POST /v1/users/${ada.id}/factors:enrollTotp`, {});
  return {
    factors: factor.id,
    carts: cart.id,
    customers: ada.id,
    orders: order.id,
    "orders refunds": refund.id,
    accounts: ada.id,
    payments: (await found(`/v1/payments?orderId=${order.id}`)).id,
    refunds: (await found(`/v1/refunds?orderId=${order.id}`)).id,
    shipments: order.id,
    contacts: ada.id,
    messages: (await found(`/v1/messages?orderId=${order.id}`)).id,
    users: ada.id,
    addresses: saved.id,
    sessions: `${read(ada.headers.authorization).claims.sid}`,
  };
}

test("the open routes are those on the list", () => {
  expect(
    routes
      .filter(({ isOpen }) => isOpen)
      .map(({ name }) => name)
      .sort(),
  ).toEqual([...openRoutes].sort());
});

test("all routes of the surfaces without sign-in are open, and no other document's", async () => {
  const page = await call("GET /docs/static/swagger-initializer.js");
  const served = [...page.body.matchAll(/"url":"([^"]+)"/g)].map(([, url]) => url);
  expect(served.sort()).toEqual([...documents, ...openDocuments].sort());
  for (const url of openDocuments) {
    expect(routesOf((await call(`GET ${url}`)).body).every(({ isOpen }) => isOpen)).toBe(true);
  }
});

describe("every closed route refuses", () => {
  test("a caller without a token", async () => {
    await expectOfEach(closed(), [401], (route) => send(route, undefined));
  });

  test.each(["forged", "of another role", "alg none", "expired"])("a token that is %s", async (kind) => {
    const authorization = badTokens[kind] ?? "";
    if (kind === "expired") {
      // Verification tolerates ten seconds of clock skew.
      await until(
        60_000,
        "the token to expire",
        async () => Date.now() > expiryOf(authorization) + 11_000 || undefined,
      );
    }
    await expectOfEach(closed(), [401], (route) => send(route, { headers: { authorization } }));
  });

  test("a customer who names another customer's data", async () => {
    const hers = closed().filter(namesAda);
    expect(hers.map(pathOf).filter((path) => path.includes("/none"))).toEqual([]);
    await expectOfEach(hers, [403, 404], (route) => send(route, bob));
  });

  test("a customer on an operator's route", async () => {
    const ofCustomers = [...routesOfAll, routeOfOneself];
    const operators = closed().filter((route) => !namesAda(route) && !ofCustomers.includes(route.name));
    expect(operators.length).toBeGreaterThan(30);
    await expectOfEach(operators, [403], (route) => send(route, bob));
    const oneself = closed().filter(({ name }) => name === routeOfOneself);
    expect(oneself).toHaveLength(1);
    await expectOfEach(oneself, [401], (route) => send(route, bob));
  });
});

test("the refused data exist: their owner sees them, and everyone sees what is public", async () => {
  const readable = closed().filter(
    (route) => route.method === "GET" && namesAda(route) && !route.path.endsWith(":watch"),
  );
  expect(readable.length).toBeGreaterThan(20);
  // There is an erasure only of who was deleted.
  const isErasure = ({ path }: Route) => path.endsWith(":erasure");
  await expectOfEach(readable.filter(isErasure), [404], (route) => send(route, ada));
  await expectOfEach(
    readable.filter((route) => !isErasure(route)),
    [200],
    (route) => send(route, ada),
  );
  await expectOfEach(
    routes.filter(({ name }) => routesOfAll.includes(name)),
    [200],
    (route) => send(route, bob),
  );
});

function closed(): Route[] {
  return routes.filter(({ isOpen }) => !isOpen);
}

/** Returns true if the route names data of Ada, by its path or a field for the customer. */
function namesAda(route: Route): boolean {
  return partsOf(route.path).some(([, follows]) => follows in adas) || ownerFields(route).length > 0;
}

/** Calls each route and fails with a list of those that answer with another status. */
async function expectOfEach(asked: readonly Route[], statuses: number[], ask: (route: Route) => Promise<Answer>) {
  const wrong: string[] = [];
  for (const route of asked) {
    const { status, body } = await ask(route);
    if (!statuses.includes(status)) {
      wrong.push(`${route.name}: ${status} ${JSON.stringify(body).slice(0, 200)}`);
    }
  }
  expect(wrong).toEqual([]);
}

/** Calls a route as this user for Ada's data: by their ids with the user's own id, or else by Ada's id. */
function send(
  route: Route,
  user: Pick<User, "headers"> & { readonly id?: string } = { headers: noHeaders },
): Promise<Answer> {
  const path = pathOf(route);
  const named = partsOf(route.path).some(([, follows]) => follows in adas);
  const owner = named ? (user.id ?? ada.id) : ada.id;
  const known = { customerId: owner, userId: owner, productId, sourceId: adas.carts, amount: undefined, address };
  const query = route.parameters
    .filter(({ in: where, name, required }) => where === "query" && (required || ownerNames.includes(name)))
    .map(({ name, schema }) => [name, ownerNames.includes(name) ? owner : String(sampleOf(route, schema, {}, name))]);
  const headers = route.parameters
    .filter(({ in: where, required }) => where === "header" && required)
    .map(({ name, schema }) => [
      name,
      name === "Idempotency-Key" ? crypto.randomUUID() : String(sampleOf(route, schema, {}, name)),
    ]);
  const search = query.length === 0 ? "" : `?${new URLSearchParams(Object.fromEntries(query))}`;
  const body = route.body === undefined ? undefined : sampleOf(route, route.body, known);
  return call(`${route.method} ${path}${search}`, body as object | undefined, {
    ...Object.fromEntries(headers),
    ...user.headers,
  });
}

/** The required parts of an address depend on its country. */
const address = {
  recipient: "Ada",
  line1: "1 Main St",
  city: "New York",
  region: "NY",
  postalCode: "10001",
  countryCode: "US",
};
const noHeaders = { authorization: "" };
const ownerNames = ["customerId", "userId"];

/** The fields of a request that name its owner. */
function ownerFields({ parameters, body }: Route): string[] {
  const names = [...parameters.map(({ name }) => name), ...Object.keys(body?.properties ?? {})];
  return names.filter((name) => ownerNames.includes(name));
}

function pathOf({ path }: Route): string {
  return partsOf(path).reduce(
    (filled, [parameter, follows]) => filled.replace(parameter, idOf(parameter, follows)),
    path,
  );
}

function idOf(parameter: string, follows: string): string {
  if (ownerNames.some((name) => parameter.includes(name))) {
    return ada.id;
  }
  if (follows === "guest-orders") {
    return guestOrderId;
  }
  return follows === "products" || follows === "items" ? productId : (adas[follows] ?? "none");
}

/** The parameters of a path, each with the segment it follows: `{id}` of `/v1/orders/{id}` with `orders`. */
function partsOf(path: string): [string, string][] {
  const parts = path.split("/");
  return parts.flatMap((part, index): [string, string][] => {
    const [parameter] = /\{[^}]+\}/.exec(part) ?? [];
    const inside = `${parts[index - 3]} ${parts[index - 1]}`;
    return parameter === undefined ? [] : [[parameter, inside in adas ? inside : (parts[index - 1] ?? "")]];
  });
}

type Claims = Record<string, unknown>;

function read(authorization: string): { header: Claims; claims: Claims; signature: string } {
  const [header = "", claims = "", signature = ""] = authorization.replace("Bearer ", "").split(".");
  const decode = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
  return { header: decode(header), claims: decode(claims), signature };
}

function write(header: Claims, claims: Claims, signature: (signed: string) => string): string {
  const encode = (part: Claims) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const signed = `${encode(header)}.${encode(claims)}`;
  return `Bearer ${signed}.${signature(signed)}`;
}

/** The same token, signed with another key under the issuer's key id, or not signed at all. */
function forged(authorization: string, alg: "ES256" | "none"): string {
  const { header, claims } = read(authorization);
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signature = (signed: string) =>
    alg === "none"
      ? ""
      : sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url");
  return write({ ...header, alg }, claims, signature);
}

/** The same token with other roles and its old signature. */
function withRoles(authorization: string, roles: string[]): string {
  const { header, claims, signature } = read(authorization);
  return write(header, { ...claims, roles }, () => signature);
}

function expiryOf(authorization: string): number {
  return Number(read(authorization).claims.exp) * 1000;
}
