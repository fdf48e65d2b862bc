import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serviceNames } from "../scripts/shop.ts";
import { freePorts } from "../scripts/stack/ports.ts";
import { services } from "../scripts/stack/services.ts";
import { readSecrets } from "../scripts/stack/state.ts";
import { operatorName } from "../scripts/stack/users.ts";
import { type Caller, callerAt, callerOf } from "./support/caller.ts";
import { makeProduct } from "./support/scenario.ts";
import { startShop, type TestShop, until } from "./support/shop.ts";
import { refusalAt } from "./support/token-refusals.ts";

// Two processes each of gateway and identity: the second gateway knows the second identity only. Every process keeps the keys
// that it has fetched.

let shop: TestShop;
let gateways: [Caller, Caller];
let secondIdentity: string;
let productId: string;
const children: ChildProcess[] = [];

/** Starts another process of a part, with these variables in place of the first one's. */
async function startSecond(name: "gateway" | "identity", env: Record<string, string>): Promise<number> {
  const { ports, stateDirectory, temporal, servingUrl } = shop.stack;
  const [port = 0] = await freePorts(1, { withAdminPort: true });
  const part = services.find((service) => service.name === name);
  const secrets = await readSecrets(stateDirectory);
  const servingUrls = Object.fromEntries(serviceNames.map((service) => [service, servingUrl(service)]));
  const child = spawn(process.execPath, [fileURLToPath(new URL(`../${part?.entry}`, import.meta.url))], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      LOG_LEVEL: "error",
      ...part?.env({ ports, stateDirectory, secrets, temporal, servingUrls: servingUrls as never }),
      ...shop.stack.tokenEnv("gateway"),
      ...{ PORT: `${port}`, ...env },
    },
  });
  children.push(child);
  return port;
}

beforeAll(async () => {
  shop = await startShop();
  // On a busy machine, services can be ready before they know which tokens are revoked.
  productId = await until(60_000, "a product", () => makeProduct(shop.shop, 1_000));
  const [http = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${http}`;
  const keys = { AUTH_JWKS_URL: `${url}/oidc/jwks`, AUTH_REVOCATIONS_URL: `${url}/revocations` };
  const identity = await startSecond("identity", { HTTP_PORT: `${http}`, ...keys });
  await until(60_000, "the second identity", () => fetch(`${url}/oidc/jwks`));
  const gateway = await startSecond("gateway", {
    ...{ IDENTITY_ADDRESS: `127.0.0.1:${identity}`, IDENTITY_HTTP_URL: url, ...keys },
  });
  gateways = [callerOf(shop.stack), callerAt(`http://127.0.0.1:${gateway}`)];
  secondIdentity = `127.0.0.1:${identity}`;
  await until(
    60_000,
    "the second gateway",
    async () => (await gateways[1]("GET /v1/products")).status === 200 || undefined,
  );
});
afterAll(async () => {
  for (const child of children) {
    child.kill("SIGKILL");
  }
  await shop?.[Symbol.asyncDispose]();
});

/** Signs in as soon as the gateway reaches its identity again. */
async function signIn(call: Caller, username: string, password: string) {
  return await until(60_000, `a sign-in of ${username}`, async () => {
    const { status, body } = await call("POST /v1/sessions", { username, password });
    expect(status, JSON.stringify(body)).toBe(200);
    return body.session as { accessToken: string; refreshToken: string };
  });
}

const authorized = ({ accessToken }: { accessToken: string }) => ({ authorization: `Bearer ${accessToken}` });

/** Returns the id of the key that signed a session's access token. */
function kidOf({ accessToken }: { accessToken: string }): string {
  const [header = ""] = accessToken.split(".");
  return JSON.parse(Buffer.from(header, "base64url").toString()).kid;
}

async function replaceKeys(call: Caller, key: string) {
  const operator = await signIn(call, operatorName, "admin123");
  return await call("POST /v1/signing-keys:replace", {}, { ...authorized(operator), "idempotency-key": key });
}

async function tokenOfProgram(): Promise<string> {
  const { AUTH_TOKEN_URL = "", SERVICE_CLIENT_SECRET = "" } = shop.stack.tokenEnv("gateway");
  const answer = await fetch(AUTH_TOKEN_URL, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`gateway:${SERVICE_CLIENT_SECRET}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

function buy(call: Caller, session: { accessToken: string }) {
  const order = { lines: [{ productId, quantity: 1 }], paymentMethod: "pm_ok", waitFor: "WAIT_FOR_COMPLETED" };
  return call("POST /v1/orders", order, { ...authorized(session), "idempotency-key": crypto.randomUUID() });
}

test("the tokens of a replaced key are refused in every process, sessions go on, and customers buy", async () => {
  const program = await tokenOfProgram();
  const sessions = await Promise.all(gateways.map((call) => signIn(call, "alice", "alice123")));
  for (const call of gateways) {
    for (const session of sessions) {
      expect((await call("GET /v1/orders", undefined, authorized(session))).status).toBe(200);
    }
  }

  const { status, body } = await replaceKeys(gateways[0], "leaked");

  expect(status, JSON.stringify(body)).toBe(200);
  // At the other process, too, and at once.
  const renewed = await Promise.all(
    gateways.toReversed().map(async (call, index) => {
      const { refreshToken } = sessions[index]!;
      return (await call("POST /v1/sessions:refresh", { refreshToken })).body.session;
    }),
  );
  const addresses = [
    ...serviceNames.map((name) => [name, shop.stack.addresses[name] ?? ""] as const),
    ["identity", secondIdentity] as const,
  ];
  for (const [name, address] of addresses) {
    for (const token of [program, ...sessions.map(({ accessToken }) => accessToken)]) {
      const message = `${name} at ${address}`;
      await expect.poll(() => refusalAt(name, address, token), { message, timeout: 30_000 }).toBe("TOKEN_REVOKED");
    }
  }
  for (const call of gateways) {
    const answer = async () => (await call("GET /v1/orders", undefined, authorized(sessions[0]!))).body.reason;
    await expect.poll(answer, { timeout: 30_000 }).toBe("TOKEN_REVOKED");
    const latest = await call("POST /v1/sessions:refresh", { refreshToken: renewed.pop().refreshToken });
    expect(kidOf(latest.body.session)).toBe(body.signingKeyId);
    // The programs have tokens of the new key by now, or get them in the course of it.
    expect((await buy(call, latest.body.session)).body.order).toMatchObject({ state: "STATE_COMPLETED" });
  }
});

test("while one process of identity is down, the other one replaces them; a restarted one never signs with a former key", async () => {
  await shop.stack.kill("identity", "SIGKILL");
  const { status, body } = await replaceKeys(gateways[1], "one-is-down");
  expect(status, JSON.stringify(body)).toBe(200);
  await shop.stack.start("identity");

  const { accessToken } = await signIn(gateways[0], "alice", "alice123");
  expect(kidOf({ accessToken })).toBe(body.signingKeyId);
  const { accessToken: other } = await signIn(gateways[1], "alice", "alice123");
  for (const call of gateways) {
    for (const token of [accessToken, other]) {
      expect((await call("GET /v1/orders", undefined, authorized({ accessToken: token }))).status).toBe(200);
    }
  }
});

test("a replacement during which identity is killed is done once, or not at all, and can be repeated", async () => {
  for (const delayMs of [0, 5, 20]) {
    const operator = await signIn(gateways[0], operatorName, "admin123");
    const headers = { ...authorized(operator), "idempotency-key": `killed-after-${delayMs}` };
    const replacing = gateways[0]("POST /v1/signing-keys:replace", {}, headers).catch(() => undefined);
    // Not a wait for anything: the kill comes at different points of the call.
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await shop.stack.kill("identity", "SIGKILL");
    const answered = await replacing;
    await shop.stack.start("identity");

    // A start may take longer than tokens of a replaced key are accepted, and the gateway may not have the new key yet.
    const again = await signIn(gateways[0], operatorName, "admin123");
    const { status, body } = await until(30_000, "an answer other than 503", async () => {
      const answer = await gateways[0]("POST /v1/signing-keys:replace", {}, { ...headers, ...authorized(again) });
      return answer.status === 503 ? undefined : answer;
    });
    expect(status, JSON.stringify(body)).toBe(200);
    if (answered?.status === 200) {
      expect(answered.body).toEqual(body);
    }
    for (const call of gateways) {
      const kid = async () => kidOf(await signIn(call, "alice", "alice123")) === body.signingKeyId;
      await expect.poll(kid, { timeout: 10_000 }).toBe(true);
    }
  }
});
