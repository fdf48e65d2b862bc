import { createServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { silentLog } from "@sagacart/chassis/testing/log";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestSurfaces, type TestSurfaces } from "./testing/surfaces.ts";

const cleanup = new AsyncDisposableStack();
let issuer: TestIssuer;
let standIn: StandIn;
let surfaces: TestSurfaces;

beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  standIn = cleanup.use(await startStandIn());
  const tokens = createServiceTokens({
    tokenUrl: issuer.tokenUrl,
    clientId: "surfaces",
    clientSecret: "surfaces-secret",
    audience: "sagacart",
    log: silentLog,
  });
  surfaces = cleanup.use(await startTestSurfaces(standIn.address, { verifier: issuer.verifier(), tokens }));
});
afterAll(() => cleanup.disposeAsync());
beforeEach(() => {
  standIn.asked.length = 0;
});

test("the Flask shop refuses a request without a token before anything else is done for it", async () => {
  const { status, body, headers } = await surfaces.send("POST /api/v1/orders", { body: {} });
  expect([status, body.reason]).toEqual([401, "TOKEN_MISSING"]);
  expect(headers.get("www-authenticate")).toBe('Bearer realm="sagacart"');
  expect(standIn.asked).toEqual([]);
});

test("only operators order for another user at the Flask shop", async () => {
  const order = { userId: "grace", items: [{ productId: "p", quantity: 1 }] };
  const as = async (subject: string, role: "customer" | "operator") =>
    await surfaces.send("POST /api/v1/orders", {
      body: order,
      headers: { authorization: await issuer.bearer(subject, [role]) },
    });
  expect(await as("ada", "customer")).toMatchObject({ status: 403, body: { reason: "NOT_YOURS" } });
  expect(standIn.asked).toEqual([]);
  await as("grace", "customer");
  await as("root", "operator");
  const checkouts = standIn.asked.filter(({ rpc }) => rpc === "Checkout");
  expect(checkouts.map(({ request }) => request)).toMatchObject([{ customerId: "grace" }, { customerId: "grace" }]);
});

test("a surface without a sign-in calls with its own token, whatever the request brings", async () => {
  const authorization = await issuer.bearer("ada", ["customer"]);
  await surfaces.send("POST /payment/create_user", { headers: { authorization } });
  const [call] = standIn.asked;
  const token = call?.header.get("authorization")?.slice("Bearer ".length) ?? "";
  expect([call?.rpc, (await issuer.verifier().verify(token)).subject]).toEqual(["CreateAccount", "service:surfaces"]);
});
