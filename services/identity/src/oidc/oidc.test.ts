import { createHash } from "node:crypto";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as client from "openid-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Behaviour, createAuthenticator } from "../testing/authenticator.ts";
import { startTestIdentity, type TestIdentity, testServiceSecret } from "../testing/identity.ts";
import { claimsOf, createBrowser, createOidcApp, discoverClient, type OidcApp } from "../testing/oidc-app.ts";
import { totpCode } from "../testing/totp.ts";

const redirectUri = "http://app.test/callback";
const sessionMaxMs = 3_600_000;
let running: TestIdentity;
let oidcApp: OidcApp;
let app: client.Configuration;

beforeAll(async () => {
  running = await startTestIdentity({
    env: {
      SESSION_MAX_MS: String(sessionMaxMs),
      OIDC_CLIENTS: JSON.stringify([
        {
          ...{ client_id: "app", client_name: "The <App>", redirect_uris: [redirectUri] },
          scopes: ["openid", "profile", "email", "roles", "account"],
        },
      ]),
    },
  });
  oidcApp = await createOidcApp(running, { clientId: "app", redirectUri, scope: "openid profile email roles account" });
  app = oidcApp.config;
});

afterAll(() => running[Symbol.asyncDispose]());

describe("authorization code with PKCE", () => {
  test("issues tokens with the same claims and keys as a sign-in by password", async () => {
    const person = await running.register();

    const tokens = await oidcApp.tokensOf(await oidcApp.signIn(createBrowser(running), person));

    const jwks = createRemoteJWKSet(new URL(`${running.httpUrl}/oidc/jwks`));
    const { payload, protectedHeader } = await jwtVerify(tokens.access_token, jwks, {
      issuer: running.issuer,
      audience: "sagacart",
      typ: "at+jwt",
    });
    const ofPassword = claimsOf(person.accessToken);
    const same = { iss: "", sub: "", aud: "", roles: [], username: "", email: "" };
    const shared = (claims: object) => Object.entries(claims).filter(([name]) => name in same);
    expect(Object.fromEntries(shared(payload))).toEqual(Object.fromEntries(shared(ofPassword)));
    expect(payload).toMatchObject({ sub: person.id, client_id: "app" });
    expect(protectedHeader.alg).toBe("ES256");
    expect(payload.exp! - payload.iat!).toBe(900);
    expect(tokens.claims()).toMatchObject({ sub: person.id, aud: "app", iss: running.issuer });
    const me = await client.fetchUserInfo(app, tokens.access_token, person.id);
    expect(me).toMatchObject({ sub: person.id, preferred_username: person.username, email: person.email });
    expect(await running.as(tokens.access_token).getUser({ id: "me" })).toMatchObject({ user: { id: person.id } });
  });

  test("needs PKCE", async () => {
    const url = client.buildAuthorizationUrl(app, { redirect_uri: redirectUri, scope: "openid" });

    const { location } = await createBrowser(running).open(url);

    expect(new URL(location).searchParams.get("error_description")).toContain("requires PKCE");
  });

  test("does not redirect to an address that is not the application's", async () => {
    const url = client.buildAuthorizationUrl(app, { redirect_uri: "http://evil.test/", scope: "openid" });

    const answer = await createBrowser(running).open(url);

    expect([answer.status, answer.location]).toEqual([400, ""]);
    expect(answer.html).toContain("Something went wrong");
  });

  test("accepts a code once, also from two concurrent requests", async () => {
    const signedIn = await oidcApp.signIn(createBrowser(running), await running.register());

    const twice = await Promise.allSettled([oidcApp.tokensOf(signedIn), oidcApp.tokensOf(signedIn)]);

    expect(twice.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("stores no code or token in plain text", async () => {
    const tokens = await oidcApp.tokensOf(await oidcApp.signIn(createBrowser(running), await running.register()));

    const { rows } = await running.pool.query(
      "select count(*)::int as found from oidc_entries where payload::text like '%' || $1 || '%'",
      [tokens.refresh_token],
    );
    expect(rows).toEqual([{ found: 0 }]);
  });

  test("asks a browser for nothing in which the application has a session", async () => {
    const browser = createBrowser(running);
    const first = await oidcApp.tokensOf(await oidcApp.signIn(browser, await running.register()));

    const { location, verifier, state } = await oidcApp.begin(browser);

    expect(location).toMatch(/^http:\/\/app\.test\/callback\?code=/);
    const second = await oidcApp.tokensOf({ callback: new URL(location), verifier, state });
    expect(claimsOf(second.access_token).sid).toBe(claimsOf(first.access_token).sid);
  });

  test("a browser's session ends when it is as old as a session may be, however often it is used", async () => {
    const browser = createBrowser(running);
    const person = await running.register();
    await oidcApp.signIn(browser, person);
    const secondsLeft = async () => {
      await oidcApp.begin(browser);
      const { rows } = await running.pool.query<{ left: number }>(
        `select extract(epoch from expire_time - now())::float8 as left from oidc_entries
         where model = 'Session' and account_id = $1`,
        [person.id],
      );
      return rows.map(({ left }) => left);
    };
    expect(await secondsLeft()).toEqual([expect.closeTo(sessionMaxMs / 1000, -2)]);

    await running.pool.query(
      `update oidc_entries set payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload->>'loginTs')::int - 3000))
       where model = 'Session' and account_id = $1`,
      [person.id],
    );

    expect(await secondsLeft()).toEqual([expect.closeTo(sessionMaxMs / 1000 - 3000, -2)]);
  });

  test("ends the browser's session and the refresh token when the password changes", async () => {
    const browser = createBrowser(running);
    const person = await running.register();
    const tokens = await oidcApp.tokensOf(await oidcApp.signIn(browser, person));
    const { password: currentPassword, client: self } = person;
    await self.changePassword({ userId: "me", currentPassword, newPassword: "another horse" });

    await expect(client.refreshTokenGrant(app, tokens.refresh_token!)).rejects.toMatchObject({
      error: "invalid_grant",
    });
    expect((await oidcApp.begin(browser)).location).toMatch(/\/oidc\/sign-in\//);
  });
});

describe("a refresh token of OpenID Connect", () => {
  test("can be used once; a reuse revokes all tokens of its grant", async () => {
    const first = await oidcApp.tokensOf(await oidcApp.signIn(createBrowser(running), await running.register()));
    const second = await client.refreshTokenGrant(app, first.refresh_token!);

    const refused = { error: "invalid_grant" };
    await expect(client.refreshTokenGrant(app, first.refresh_token!)).rejects.toMatchObject(refused);
    await expect(client.refreshTokenGrant(app, second.refresh_token!)).rejects.toMatchObject(refused);
  });
});

describe("a sign-in that has passed, and whose redirect was not followed, is ended", () => {
  const endings: [string, (person: Registered) => Promise<unknown>][] = [
    ["a new password", (person) => person.client.changePassword({ userId: "me", ...passwords(person) })],
    ["the user, who ends all sessions", (person) => person.client.endSessions({ userId: "me" })],
    ["an operator", (person) => running.identity.endSessions({ userId: person.id })],
    ["the user, who deletes the account", (person) => person.client.deleteUser({ id: "me" })],
  ];
  const passwords = ({ password }: Registered) => ({ currentPassword: password, newPassword: `${password} anew` });

  test.each(endings)("by %s", async (_, end) => {
    const person = await running.register();
    const browser = createBrowser(running);
    const { location, page } = await oidcApp.begin(browser);
    const passed = await browser.open(location, { csrf: page.csrf, ...credentialsOf(person) });
    expect(passed.status).toBe(303);

    await end(person);

    const followed = await browser.open(passed.location);
    expect(followed.location).not.toContain("code=");
    expect(browser.cookies.has("sagacart_session")).toBe(false);
  });

  test("by nothing else: it goes on", async () => {
    const person = await running.register();
    const browser = createBrowser(running);
    const { location, page } = await oidcApp.begin(browser);
    const passed = await browser.open(location, { csrf: page.csrf, ...credentialsOf(person) });
    expect((await browser.open(passed.location)).location).toContain("code=");
  });
});

type Registered = Awaited<ReturnType<TestIdentity["register"]>>;

function credentialsOf({ username, password }: Registered) {
  return { username, password };
}

describe("the sign-in page", () => {
  test("loads nothing, runs the script of passkeys alone, and shows the application's name escaped", async () => {
    const { page } = await oidcApp.begin(createBrowser(running));

    expect(page.status).toBe(200);
    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; form-action 'self' http:\/\/app\.test; base-uri 'none'; frame-ancestors 'none'; object-src 'none'$/,
    );
    expect(page.headers.get("cache-control")).toBe("no-store");
    const scripts = [...page.html.matchAll(/<script>([^<]*)<\/script>/g)].map(([, script = ""]) => script);
    expect([scripts.length, page.html.match(/<script|javascript:| on[a-z]+=/g)?.length]).toEqual([1, 1]);
    const hash = createHash("sha256").update(scripts.join()).digest("base64");
    expect(page.headers.get("content-security-policy")).toContain(`script-src 'sha256-${hash}'`);
    expect(page.html).toContain("The &#60;App&#62;");
  });

  test("reports and counts a wrong password, and does not show it", async () => {
    const { username, password } = await running.register();
    const browser = createBrowser(running);
    const { location, page } = await oidcApp.begin(browser);
    const attempt = (guess: string) => browser.open(location, { csrf: page.csrf, username, password: guess });
    const first = await attempt("not-the-one");
    for (let more = 0; more < 4; more++) {
      await attempt("not-the-one");
    }
    await running.prolongPauses();

    expect([first.status, first.html.includes("The user name or the password is wrong")]).toEqual([401, true]);
    expect(first.html).not.toContain("not-the-one");
    const late = await attempt(password);
    expect([late.status, Number(late.headers.get("retry-after")) > 0]).toEqual([429, true]);
  });

  test("refuses what only begins with the password, however long that is", async () => {
    const password = `${"a long one, ".repeat(10)}12345678`;
    const { client: person } = await running.register();
    await person.changePassword({ userId: "me", currentPassword: "correct horse", newPassword: password });
    const { user } = await person.getUser({ id: "me" });
    const browser = createBrowser(running);
    const { location, page } = await oidcApp.begin(browser);
    const attempt = (guess: string) =>
      browser.open(location, { csrf: page.csrf, username: user?.username ?? "", password: guess });

    expect((await attempt(`${password}x`)).status).toBe(401);
    expect((await attempt(password)).status).toBe(303);
  });

  test.each([
    ["without its token", (csrf: string) => ({ csrf: "", not: csrf }), {}],
    ["with a wrong token", () => ({ csrf: "x".repeat(43) }), {}],
    ["sent by another page", (csrf: string) => ({ csrf }), { origin: "http://evil.test" }],
  ])("a form %s does not sign the user in", async (_how, csrf, headers) => {
    const { username, password } = await running.register();
    const browser = createBrowser(running);
    const { location, page } = await oidcApp.begin(browser);

    const answer = await browser.open(location, { ...csrf(page.csrf), username, password }, headers);

    expect(answer.status).toBe(403);
    expect(browser.cookies.has("sagacart_session")).toBe(false);
  });

  test("works only in the browser that began", async () => {
    const { username, password } = await running.register();
    const { location, page } = await oidcApp.begin(createBrowser(running));

    const answer = await createBrowser(running).open(location, { csrf: page.csrf, username, password });

    expect(answer.status).toBe(400);
  });
});

test("a sign-out without a session submits itself, as far as its policy says", async () => {
  const page = await createBrowser(running).open("/oidc/logout");

  const script = /<script>([^<]*)<\/script>/.exec(page.html)?.[1] ?? "";
  const hash = createHash("sha256").update(script).digest("base64");
  expect(script).toContain("submit()");
  expect(page.headers.get("content-security-policy")).toBe(
    `default-src 'none'; script-src 'sha256-${hash}'; form-action 'self' http: https:; base-uri 'none'; frame-ancestors 'none'; object-src 'none'`,
  );
});

describe("the second step of the sign-in page", () => {
  /** Registers a person with an authenticator app. */
  async function withApp() {
    const person = await running.register();
    const { id, secret } = await person.client.enrollTotp({ userId: "me" });
    const code = totpCode(secret, { period: -1 });
    const { recoveryCodes } = await person.client.confirmTotp({ userId: "me", id, code });
    return { ...person, secret, recoveryCodes };
  }

  /** Gives the password. Returns the second page, and a function that submits it. */
  async function passPassword(person: { username: string; password: string }) {
    const browser = createBrowser(running);
    const { verifier, state, location, page } = await oidcApp.begin(browser);
    const { username, password } = person;
    const second = await browser.open(location, { csrf: page.csrf, username, password });
    const token = /name="sign_in_token" value="([^"]+)"/.exec(second.html)?.[1] ?? "";
    const submit = (code: string, given: Record<string, string> = {}) =>
      browser.open(location, { csrf: second.csrf, sign_in_token: token, code, ...given });
    const finish = async (answer: { location: string }) => {
      const { location: callback } = await browser.open(answer.location);
      return await oidcApp.tokensOf({ verifier, state, callback: new URL(callback) });
    };
    return { browser, second, submit, finish };
  }

  test("asks for a code, and the tokens tell so, also those of a refresh", async () => {
    const person = await withApp();
    const { browser, second, submit, finish } = await passPassword(person);
    expect([second.status, second.location, browser.cookies.has("sagacart_session")]).toEqual([200, "", false]);
    expect(second.html).not.toContain(person.password);

    const tokens = await finish(await submit(totpCode(person.secret)));

    expect(claimsOf(tokens.access_token)).toMatchObject({ sub: person.id, amr: ["pwd", "otp", "mfa"] });
    const refreshed = await client.refreshTokenGrant(app, tokens.refresh_token!);
    expect(claimsOf(refreshed.access_token)).toMatchObject({ sub: person.id, amr: ["pwd", "otp", "mfa"] });
  });

  test("shows that a code is wrong, and takes a recovery code", async () => {
    const person = await withApp();
    const { submit, finish } = await passPassword(person);

    const wrong = await submit("000000");
    expect([wrong.status, wrong.html.includes("The code is wrong")]).toEqual([401, true]);
    expect(wrong.html).toContain('name="sign_in_token"');

    const tokens = await finish(await submit(person.recoveryCodes[0]!));
    expect(claimsOf(tokens.access_token)).toMatchObject({ sub: person.id, amr: ["pwd", "mfa"] });
  });

  test("pauses after wrong codes", async () => {
    const person = await withApp();
    const { submit } = await passPassword(person);
    for (let wrong = 0; wrong < 6; wrong++) {
      await submit("000000");
    }
    await running.prolongPauses();

    const answer = await submit(totpCode(person.secret));

    expect([answer.status, Number(answer.headers.get("retry-after")) > 0]).toEqual([429, true]);
  });

  test.each([
    ["an unknown token", { sign_in_token: "x".repeat(43) }, 401],
    ["no token", { sign_in_token: "" }, 401],
    ["a wrong CSRF token", { csrf: "x" }, 403],
  ])("begins again with %s", async (_what, given, status) => {
    const person = await withApp();
    const { browser, submit } = await passPassword(person);

    const answer = await submit(totpCode(person.secret), given);

    expect([answer.status, browser.cookies.has("sagacart_session")]).toEqual([status, false]);
  });
});

describe("a passkey on the sign-in page", () => {
  /** Registers a person with a passkey on a device. */
  async function withPasskey(behaviour: Partial<Behaviour> = {}) {
    const person = await running.register();
    const device = createAuthenticator({ origin: running.issuer, ...behaviour });
    const { id, optionsJson } = await person.client.enrollPasskey({ userId: "me" });
    await person.client.confirmPasskey({ userId: "me", id, credentialJson: device.create(optionsJson) });
    return { ...person, device };
  }

  const optionsOf = (html: string) =>
    (/data-passkey="([^"]+)"/.exec(html)?.[1] ?? "").replace(/&#(\d+);/g, (_, code: string) =>
      String.fromCharCode(+code),
    );

  test("signs in alone where the authenticator verifies its user", async () => {
    const { id, device } = await withPasskey();
    const browser = createBrowser(running);
    const { verifier, state, location, page } = await oidcApp.begin(browser);
    expect(JSON.parse(optionsOf(page.html))).toMatchObject({ rpId: "shop.test", userVerification: "required" });

    const passkey = device.get(optionsOf(page.html));
    running.security.length = 0;
    const submitted = await browser.open(location, { csrf: page.csrf, passkey });
    expect(running.security.filter(({ event }) => event === "session.started")).toMatchObject([
      { outcome: "ok", factor: "passkey", object: { kind: "user", id } },
    ]);
    const { location: callback } = await browser.open(submitted.location);

    const tokens = await oidcApp.tokensOf({ verifier, state, callback: new URL(callback) });
    expect(claimsOf(tokens.access_token)).toMatchObject({ sub: id, amr: ["pop", "user", "mfa"] });
  });

  test.each<[string, Partial<Behaviour>]>([
    ["without verification of its user", { verifiesUser: false }],
    ["of another page", { origin: "http://evil.test" }],
    ["that answers another page's challenge", { challenge: "A".repeat(43) }],
    ["that is forged", { forges: true }],
  ])("is refused alone %s", async (_what, deviation) => {
    const { device } = await withPasskey();
    const browser = createBrowser(running);
    const { location, page } = await oidcApp.begin(browser);

    const passkey = device.get(optionsOf(page.html), deviation);
    running.security.length = 0;
    running.flushSecurity();
    const answer = await browser.open(location, { csrf: page.csrf, passkey });
    expect(running.security.filter(({ event }) => event === "session.started").at(-1)).toMatchObject({
      ...{ outcome: "refused", reason: "BAD_PASSKEY", factor: "passkey" },
    });

    expect([answer.status, answer.html.includes("The passkey was not accepted")]).toEqual([401, true]);
    expect(browser.cookies.has("sagacart_session")).toBe(false);
  });

  test("that was proven in one browser does not sign in another one", async () => {
    const { device } = await withPasskey();
    const [one, other] = [await oidcApp.begin(createBrowser(running)), createBrowser(running)];
    const { location, page } = await oidcApp.begin(other);

    const answer = await other.open(location, { csrf: page.csrf, passkey: device.get(optionsOf(one.page.html)) });

    expect(answer.status).toBe(401);
  });

  test("of nobody, and what is none, are refused", async () => {
    const stranger = createAuthenticator({ origin: running.issuer });
    stranger.create(JSON.stringify({ rp: { id: "shop.test" }, user: { id: "bm9ib2R5" }, challenge: "AAAA" }));
    const browser = createBrowser(running);
    const { location, page } = await oidcApp.begin(browser);
    for (const passkey of [stranger.get(optionsOf(page.html)), "{", "null", '{"id":"a","response":{}}']) {
      expect((await browser.open(location, { csrf: page.csrf, passkey })).status).toBe(401);
    }
  });

  test("is a second factor after the password, also without verification of its user", async () => {
    const { id, username, password, device } = await withPasskey({ verifiesUser: false });
    const browser = createBrowser(running);
    const { verifier, state, location, page } = await oidcApp.begin(browser);
    const second = await browser.open(location, { csrf: page.csrf, username, password });
    const sign_in_token = /name="sign_in_token" value="([^"]+)"/.exec(second.html)?.[1] ?? "";
    const submit = (passkey: string) => browser.open(location, { csrf: second.csrf, sign_in_token, passkey });

    const refused = await submit(device.get(optionsOf(second.html), { forges: true }));
    expect([refused.status, optionsOf(refused.html)]).toEqual([401, optionsOf(second.html)]);
    const submitted = await submit(device.get(optionsOf(second.html)));
    const { location: callback } = await browser.open(submitted.location);

    const tokens = await oidcApp.tokensOf({ verifier, state, callback: new URL(callback) });
    expect(claimsOf(tokens.access_token)).toMatchObject({ sub: id, amr: ["pwd", "pop", "mfa"] });
  });

  test("is not offered at the second step to who has none", async () => {
    const person = await running.register();
    const { id, secret } = await person.client.enrollTotp({ userId: "me" });
    await person.client.confirmTotp({ userId: "me", id, code: totpCode(secret, { period: -1 }) });
    const browser = createBrowser(running);
    const { location, page } = await oidcApp.begin(browser);
    const { username, password } = person;

    const second = await browser.open(location, { csrf: page.csrf, username, password });

    expect(second.html).toContain('name="code"');
    expect(second.html).not.toContain("data-passkey");
    expect(second.headers.get("content-security-policy")).not.toContain("script-src");
  });
});

describe("malformed requests are client errors", () => {
  test.each([
    ["a state with NUL in it", "state=%00"],
    ["an unknown prompt", "prompt=%00"],
    ["an unknown client", "client_id=%00"],
    ["a repeated parameter", "scope=a&scope=b"],
    ["an invalid escape", "state=%zz%"],
  ])("%s", async (_what, query) => {
    const asked = `/oidc/auth?client_id=app&response_type=code&code_challenge=${"a".repeat(43)}&scope=openid`;
    const answer = await createBrowser(running).open(`${asked}&code_challenge_method=S256&${query}`);

    expect(answer.status).toBeLessThan(500);
  });

  test("a user name with NUL matches no user", async () => {
    const browser = createBrowser(running);
    const { location, page } = await oidcApp.begin(browser);

    const answer = await browser.open(location, { csrf: page.csrf, username: "a\0b", password: "x\0y" });

    expect(answer.status).toBe(401);
  });

  test.each([
    ["GET /oidc/nowhere", 404],
    ["DELETE /oidc/token", 404],
    ["POST /oidc/token", 400],
    ["GET /oidc/userinfo", 401],
    ["GET /oidc/sign-in/none", 400],
  ])("%s is %i", async (line, status) => {
    const [method = "", path = ""] = line.split(" ");

    expect((await running.fetch(new URL(path, running.issuer), { method })).status).toBe(status);
  });
});

describe("client credentials", () => {
  test("issue a token for a service", async () => {
    const order = await discoverClient(running, "order", client.ClientSecretBasic(testServiceSecret));

    const { access_token: token, expires_in: seconds } = await client.clientCredentialsGrant(order);

    expect(seconds).toBe(3600);
    expect(claimsOf(token)).toMatchObject({
      iss: running.issuer,
      sub: "service:order",
      aud: "sagacart",
      roles: ["service"],
    });
  });

  test("do not exist for callers from outside, not even to try a secret", async () => {
    const from = { "x-client-address": "192.0.2.7" };
    const post = async (secret: string, headers: Record<string, string>) => {
      const answer = await running.fetch(`${running.issuer}/oidc/token`, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`order:${secret}`)}`, ...headers },
        body: new URLSearchParams({ grant_type: "client_credentials" }),
      });
      return [answer.status, ((await answer.json()) as { error: string }).error];
    };
    expect(await post(testServiceSecret, from)).toEqual([401, "invalid_client"]);
    expect(await post("another secret", from)).toEqual([401, "invalid_client"]);
    expect((await post(testServiceSecret, {}))[0]).toBe(200);

    const discovered = await running.fetch(`${running.issuer}/.well-known/openid-configuration`, { headers: from });
    const { grant_types_supported: grants } = (await discovered.json()) as { grant_types_supported: string[] };
    expect(grants.toSorted()).toEqual(["authorization_code", "refresh_token"]);
  });

  test("are refused with a wrong secret", async () => {
    const order = await discoverClient(running, "order", client.ClientSecretBasic("wrong"));

    await expect(client.clientCredentialsGrant(order)).rejects.toMatchObject({ status: 401 });
  });
});
