import { connect as connectTcp } from "node:net";
import { uuidv7 } from "@sagacart/chassis/uuid";
import * as client from "openid-client";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import {
  startTestIdentity,
  startTestMailServer,
  type TestIdentity,
  type TestMailServer,
  type TestPerson,
  testServiceSecret,
} from "./testing/identity.ts";

const redirectUri = "http://app.test/callback";
const address = "198.51.100.7";
let mail: TestMailServer;
let running: TestIdentity;

beforeAll(async () => {
  mail = await startTestMailServer();
  running = await startTestIdentity({
    env: {
      ...{ SMTP_URL: mail.url, SIGN_IN_FREE_ATTEMPTS: "2", REFRESH_REPEAT_MS: "0" },
      ...{ SIGNING_KEY_MS: "2000", SIGNING_KEY_LEAD_MS: "500", ACCESS_TOKEN_MS: "900000" },
      OIDC_CLIENTS: JSON.stringify([{ client_id: "app", client_name: "App", redirect_uris: [redirectUri] }]),
    },
  });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await mail[Symbol.asyncDispose]();
});
beforeEach(() => {
  running.flushSecurity();
});

/** Returns the lines since the last test, without those of keys, which rotate meanwhile. */
function lines() {
  return running.security.filter(({ event }) => !String(event).startsWith("signing_key."));
}

/** Sends what the gateway passes on for a caller from outside. */
async function send(path: string, form?: Record<string, string>, headers: Record<string, string> = {}) {
  return await running.fetch(new URL(path, running.issuer), {
    redirect: "manual",
    headers: { "x-client-address": address, "x-request-id": "r-1", ...headers },
    ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
  });
}

async function signInPage() {
  const verifier = client.randomPKCECodeVerifier();
  const query = new URLSearchParams({
    ...{ client_id: "app", response_type: "code", redirect_uri: redirectUri, scope: "openid", state: "s" },
    ...{ code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" },
  });
  const cookies = new Map<string, string>();
  const open = async (path: string, form?: Record<string, string>) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await send(path, form, { cookie });
    for (const given of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(given) ?? [];
      cookies.set(name, value);
    }
    return answer;
  };
  const begun = await open(`/oidc/auth?${query}`);
  const location = begun.headers.get("location") ?? "";
  const csrf = /name="csrf" value="([^"]+)"/.exec(await (await open(location)).text())?.[1] ?? "";
  return {
    submit: (username: string, password: string, token = csrf) => open(location, { csrf: token, username, password }),
    /** Returns the code, after the form was sent. */
    async code(submitted: Response) {
      const back = await open(submitted.headers.get("location") ?? "");
      return new URL(back.headers.get("location") ?? "").searchParams.get("code") ?? "";
    },
    exchange: (code: string) =>
      send("/oidc/token", {
        ...{ grant_type: "authorization_code", code, redirect_uri: redirectUri },
        ...{ client_id: "app", code_verifier: verifier },
      }),
  };
}

async function codeOf(person: TestPerson) {
  const page = await signInPage();
  return { ...page, code: await page.code(await page.submit(person.username, person.password)) };
}

const anonymous = { kind: "anonymous", id: "" };
const userOf = ({ id }: TestPerson) => ({ kind: "user", id });
const ofPage = { address, requestId: "r-1", actor: anonymous };

test("a sign-in on the page is logged with user, address and factor, passed and failed", async () => {
  const person = await running.register();
  running.security.length = 0;
  const page = await signInPage();
  await page.submit(person.username, "not-the-one");
  await page.submit("nobody-of-that-name", "not-the-one");
  await page.submit(person.username, person.password);

  const signedIn = { ...ofPage, event: "session.started", factor: "password" };
  expect(lines()).toMatchObject([
    { ...signedIn, object: userOf(person), outcome: "refused", reason: "BAD_CREDENTIALS" },
    { ...signedIn, object: { kind: "user", id: "" }, outcome: "refused", reason: "BAD_CREDENTIALS" },
    { ...signedIn, object: userOf(person), outcome: "ok", reason: "" },
  ]);
  const text = JSON.stringify(running.security);
  expect(
    [person.username, person.email, person.password, "not-the-one", "nobody-of"].filter((one) => text.includes(one)),
  ).toEqual([]);
});

test("a form of another site is refused with a line", async () => {
  const person = await running.register();
  running.security.length = 0;
  await (await signInPage()).submit(person.username, person.password, "x".repeat(43));
  expect(lines()).toMatchObject([{ ...ofPage, event: "session.started", outcome: "refused", reason: "FORM_REFUSED" }]);
});

test("an RPC's failed sign-in names the user that it was tried for", async () => {
  const person = await running.register();
  running.security.length = 0;
  await expect(running.anonymous.signIn({ username: person.email, password: "wrong" })).rejects.toThrow();
  expect(lines()).toMatchObject([
    {
      event: "session.started",
      object: userOf(person),
      outcome: "refused",
      reason: "BAD_CREDENTIALS",
      factor: "password",
    },
  ]);
});

test("tokens for a code and a refresh are logged, and a second use as a theft", async () => {
  const person = await running.register();
  const { code, exchange } = await codeOf(person);
  running.security.length = 0;
  const refresh = async (token: string) =>
    await send("/oidc/token", { grant_type: "refresh_token", refresh_token: token, client_id: "app" });

  const { refresh_token: first } = (await (await exchange(code)).json()) as { refresh_token: string };
  expect((await refresh(first)).status).toBe(200);
  expect((await refresh(first)).status).toBe(400);

  const issued = { event: "token.issued", address, requestId: "r-1" };
  const actor = { kind: "application", id: "app" };
  expect(lines()).toMatchObject([
    { ...issued, actor, object: userOf(person), factor: "authorization_code", outcome: "ok" },
    { ...issued, actor, object: userOf(person), factor: "refresh_token", outcome: "ok" },
    {
      event: "refresh_token.reused",
      actor,
      object: userOf(person),
      outcome: "refused",
      reason: "TOKEN_REUSED",
      address,
    },
    {
      ...issued,
      object: { kind: "client", id: "app" },
      factor: "refresh_token",
      outcome: "refused",
      reason: "INVALID_GRANT",
    },
  ]);
  expect(JSON.stringify(running.security)).not.toContain(first);
});

test("a code that is used twice is a theft, too", async () => {
  const { code, exchange } = await codeOf(await running.register());
  await exchange(code);
  running.security.length = 0;
  await exchange(code);
  expect(lines()).toMatchObject([
    { event: "authorization_code.reused", outcome: "refused", reason: "CODE_REUSED" },
    { event: "token.issued", outcome: "refused", reason: "INVALID_GRANT" },
  ]);
});

test("a program's token is logged with its name, and a wrong secret as refused", async () => {
  const post = async (name: string, secret: string) =>
    await running.fetch(`${running.issuer}/oidc/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${name}:${secret}`)}` },
      body: new URLSearchParams({ grant_type: "client_credentials" }),
    });
  running.security.length = 0;
  await post("order", testServiceSecret);
  await post("order", "a wrong secret");
  await post("s3cret-of-somebody", "a wrong secret");

  const issued = { event: "token.issued", factor: "client_credentials", address: "127.0.0.1" };
  expect(lines()).toMatchObject([
    { ...issued, actor: { kind: "service", id: "order" }, outcome: "ok" },
    {
      ...issued,
      actor: anonymous,
      object: { kind: "client", id: "order" },
      outcome: "refused",
      reason: "INVALID_CLIENT",
    },
  ]);
  running.flushSecurity(false);
  expect(lines()).toHaveLength(3);
  expect(JSON.stringify(running.security)).not.toMatch(/secret/);
});

test("an application may not have people return anywhere: a line", async () => {
  running.security.length = 0;
  const asked = "/oidc/auth?client_id=app&response_type=code&scope=openid&redirect_uri=http://evil.test/";
  expect((await send(asked)).status).toBe(400);
  expect(lines()).toMatchObject([
    { event: "authorization.refused", object: { kind: "client", id: "app" }, outcome: "refused", address },
  ]);
  expect(JSON.stringify(running.security)).not.toContain("evil.test");
});

test("a refreshed session is logged, and the reuse of its token as a theft", async () => {
  const person = await running.register();
  running.security.length = 0;
  await running.anonymous.refreshToken({ refreshToken: person.refreshToken });
  await expect(running.anonymous.refreshToken({ refreshToken: person.refreshToken })).rejects.toThrow();
  await expect(running.anonymous.refreshToken({ refreshToken: "x".repeat(43) })).rejects.toThrow();

  const session = { kind: "session", id: expect.stringMatching(/^[\w-]{36}$/) };
  const refreshed = { event: "session.refreshed", factor: "refresh_token" };
  expect(lines()).toMatchObject([
    { ...refreshed, object: session, outcome: "ok" },
    { event: "refresh_token.reused", object: userOf(person), outcome: "refused", reason: "TOKEN_REUSED" },
    { ...refreshed, object: session, outcome: "refused", reason: "BAD_REFRESH_TOKEN" },
    { ...refreshed, object: { kind: "session", id: "" }, outcome: "refused", reason: "BAD_REFRESH_TOKEN" },
  ]);
});

test("a lock-out is a line when it begins, with its end, and when it is lifted", async () => {
  const person = await running.register();
  running.security.length = 0;
  const wrong = async () =>
    await running.anonymous.signIn({ username: person.username, password: "wrong" }).catch(() => {});
  await wrong();
  await wrong();
  await running.prolongPauses();
  await wrong();
  await running.identity.unlockUser({ id: person.id });

  expect(lines()).toMatchObject([
    { event: "session.started", outcome: "refused", reason: "BAD_CREDENTIALS" },
    // It begins with the attempt that is refused.
    {
      ...{ event: "lock_out.began", object: userOf(person), outcome: "refused", reason: "TOO_MANY_ATTEMPTS" },
      until: expect.stringMatching(/^\d{4}-.*Z$/),
    },
    { event: "session.started", outcome: "refused", reason: "BAD_CREDENTIALS" },
    { event: "session.started", object: userOf(person), outcome: "refused", reason: "TOO_MANY_ATTEMPTS" },
    { event: "lock_out.ended", object: userOf(person), outcome: "ok", actor: { kind: "staff" } },
    { event: "user.unlocked", object: userOf(person), outcome: "ok", actor: { kind: "staff" } },
  ]);
});

test("a name that no user has is locked out without being written down", async () => {
  running.security.length = 0;
  const wrong = async () =>
    await running.anonymous.signIn({ username: "typed-by@mistake.test", password: "x" }).catch(() => {});
  await wrong();
  await wrong();
  expect(lines().at(-2)).toMatchObject({ event: "lock_out.began", object: { kind: "login", id: "" } });
  expect(JSON.stringify(running.security)).not.toContain("mistake");
});

test.each([
  "from 8.8.8.8",
  "register from 10.0.0.1",
  "address 8.8.8.8",
  "from bob@mistake.test",
  "user u-1",
  "session s-1",
])("the name %j, which no user has, is no network, user or session of the log", async (username) => {
  running.security.length = 0;
  for (const password of ["one", "two"]) {
    await running.anonymous.signIn({ username, password }).catch(() => {});
  }
  const began = lines().filter(({ event }) => event === "lock_out.began");
  expect(began).toMatchObject([{ object: { kind: "login", id: "" } }]);
});

test("a password reset is logged when it is asked for and when it is used, with its user", async () => {
  const person = await running.register();
  running.security.length = 0;
  await running.anonymous.requestPasswordReset({ email: person.email });
  await running.anonymous.requestPasswordReset({ email: `${uuidv7()}@nobody.test` });
  const token = await mail.tokenTo(person.email, "reset");
  await running.anonymous.resetPassword({ token, newPassword: "quite new" });
  await expect(running.anonymous.resetPassword({ token, newPassword: "quite new" })).rejects.toThrow();

  const reset = { event: "password.reset", factor: "mailed_token" };
  expect(lines()).toMatchObject([
    { event: "password.reset_requested", object: userOf(person), outcome: "ok" },
    { event: "password.reset_requested", object: { kind: "user", id: "" }, outcome: "ok" },
    { ...reset, object: userOf(person), outcome: "ok" },
    { ...reset, object: { kind: "user", id: "" }, outcome: "refused", reason: "BAD_RESET_TOKEN" },
  ]);
});

test("an address that is confirmed on the page is logged as by the RPC", async () => {
  const person = await running.register();
  const token = await mail.tokenTo(person.email, "confirm");
  running.security.length = 0;
  await send("/oidc/confirm-email", { token });
  await send("/oidc/confirm-email", { token: "x".repeat(43) });

  const confirmed = { ...ofPage, event: "email.confirmed", factor: "mailed_token" };
  expect(lines()).toMatchObject([
    { ...confirmed, object: userOf(person), outcome: "ok" },
    { ...confirmed, object: { kind: "user", id: "" }, outcome: "refused", reason: "BAD_EMAIL_TOKEN" },
  ]);
});

test("a bad token at the user info is a line", async () => {
  running.security.length = 0;
  await send("/oidc/userinfo", undefined, { authorization: "Bearer not.a.token" });
  expect(lines()).toMatchObject([{ ...ofPage, event: "token.refused", reason: "TOKEN_INVALID", outcome: "refused" }]);
});

test("signing keys are lines when they are made and when they are removed", async () => {
  await vi.waitFor(() => expect(running.security.map(({ event }) => event)).toContain("signing_key.made"), {
    timeout: 30_000,
  });
  expect(running.security.find(({ event }) => event === "signing_key.made")).toMatchObject({
    ...{ actor: { kind: "service", id: "identity" }, outcome: "ok" },
    object: { kind: "signing_key", id: expect.stringMatching(/^[\w-]{43}$/) },
  });
});

test("a connection to OpenID Connect that is too many is refused with a line", async () => {
  await using other = await startTestIdentity({ env: { MAX_CONNECTIONS_PER_ADDRESS: "1" } });
  const { port, hostname } = new URL(other.httpUrl);
  other.security.length = 0;
  // Its own reader of keys may have the one connection that is allowed.
  const sockets = Array.from({ length: 3 }, () =>
    connectTcp(Number(port), hostname)
      .on("error", () => {})
      .resume(),
  );
  await Promise.race(sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  expect(other.security).toMatchObject([{ event: "connection.refused", reason: "TOO_MANY_CONNECTIONS" }]);
  for (const socket of sockets) {
    socket.destroy();
  }
});
