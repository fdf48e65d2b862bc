import * as client from "openid-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { oidcClients } from "../config-json.ts";
import { startTestIdentity, type TestIdentity } from "../testing/identity.ts";
import { claimsOf, createBrowser, createOidcApp, type OidcApp, type TestBrowser } from "../testing/oidc-app.ts";
import { defaultScopes, knownScopes } from "./scopes.ts";

const redirectUri = "http://app.test/callback";
const application = (client_id: string, more: object = {}) => ({ client_id, redirect_uris: [redirectUri], ...more });
const mostSessions = 3;

let running: TestIdentity;

beforeAll(async () => {
  running = await startTestIdentity({
    env: {
      SESSIONS_PER_USER: `${mostSessions}`,
      OIDC_CLIENTS: JSON.stringify([
        application("web"),
        application("mail", { client_name: "Mail & <More>", scopes: ["email"] }),
        application("all", { scopes: knownScopes }),
        ...[1, 2, 3, 4, 5].map((number) => application(`app-${number}`)),
      ]),
    },
  });
});
afterAll(() => running[Symbol.asyncDispose]());

const appOf = (clientId: string, scope = "openid"): Promise<OidcApp> =>
  createOidcApp(running, { clientId, redirectUri, scope });

/** Returns the error that an application gets for a request, in a browser that is signed in. */
async function errorOf(clientId: string, params: Record<string, string>): Promise<string> {
  const { location } = await (await appOf(clientId)).begin(createBrowser(running), params);
  return location.startsWith(redirectUri) ? (new URL(location).searchParams.get("error") ?? "") : "OK";
}

describe("an application may ask for", () => {
  const asked: [string, string, string][] = [
    ...knownScopes.map((scope): [string, string, string] => [
      "web",
      scope,
      defaultScopes.includes(scope) ? "OK" : "invalid_scope",
    ]),
    ...knownScopes.map((scope): [string, string, string] => ["all", scope, "OK"]),
    ["mail", "openid", "OK"],
    ["mail", "email", "OK"],
    ["mail", "profile", "invalid_scope"],
    ["mail", "phone", "invalid_scope"],
    ["mail", "roles", "invalid_scope"],
    ["mail", "email roles", "invalid_scope"],
    // A scope that does not exist is left out, as OpenID Connect wants it.
    ["mail", "email everything", "OK"],
  ];
  test.each(asked)("%s: openid and %s is %s", async (clientId, scope, expected) => {
    expect(await errorOf(clientId, { scope: `openid ${scope}` })).toBe(expected);
  });

  test("offline_access only if it is in its list", async () => {
    const prompt = "consent";
    expect(await errorOf("web", { scope: "openid offline_access", prompt })).toBe("OK");
    expect(await errorOf("mail", { scope: "openid offline_access", prompt })).toBe("invalid_scope");
  });

  test("no scope that does not exist: the configuration is refused", () => {
    const read = (scopes: unknown) => () => oidcClients(JSON.stringify([application("web", { scopes })]));
    expect(read(["openid", "everything"])).toThrow('unknown scope "everything" of the application web');
    expect(read("openid")).toThrow("no list of texts in scopes of the application web");
    expect(read([])()[0]?.scopes).toEqual(["openid"]);
  });

  test("all scopes that discovery shows, of which the configuration knows each", async () => {
    const answer = await running.fetch(`${running.issuer}/.well-known/openid-configuration`);
    const { scopes_supported: scopes } = (await answer.json()) as { scopes_supported: string[] };
    expect(scopes.toSorted()).toEqual(knownScopes.toSorted());
  });
});

test("an application sees of a user what its scopes cover, in the ID token and at userinfo", async () => {
  const person = await running.register();
  await person.client.updateUser({ user: { id: "me", phone: "+43 1 23" } });
  const seen = async (clientId: string, scope: string) => {
    const app = await appOf(clientId, scope);
    const { access_token: token } = await app.tokensOf(await app.signIn(createBrowser(running), person));
    const { sub, ...claims } = await client.fetchUserInfo(app.config, token, person.id);
    return Object.keys(claims).toSorted();
  };

  expect(await seen("mail", "openid email")).toEqual(["email", "email_verified"]);
  expect(await seen("web", "openid")).toEqual([]);
  expect(await seen("web", "openid profile")).toEqual(["preferred_username", "updated_at"]);
  expect(await seen("all", "openid phone roles")).toEqual(["phone_number", "roles"]);
});

describe("an application's token", () => {
  const tokensOf = async (clientId: string, scope: string, person: { username: string; password: string }) => {
    const app = await appOf(clientId, scope);
    return { app, ...(await app.tokensOf(await app.signIn(createBrowser(running), person))) };
  };
  const scopeOf = (token: string) => claimsOf(token).scope ?? "";
  test.each([
    ["all", "openid profile", ""],
    ["all", "openid roles", "roles"],
    ["all", "openid account", "account"],
    ["all", "openid account roles email", "roles account"],
    ["web", "openid profile", ""],
  ])("of %s for %s has the scope '%s', also when it is refreshed", async (clientId, asked, expected) => {
    const {
      app,
      access_token: token,
      refresh_token: refreshToken = "",
    } = await tokensOf(clientId, asked, await running.register());
    expect(scopeOf(token)).toBe(expected);
    expect(scopeOf((await client.refreshTokenGrant(app.config, refreshToken)).access_token)).toBe(expected);
  });

  test("has no more than a refresh asks for", async () => {
    const { app, refresh_token: refreshToken = "" } = await tokensOf("all", "openid account roles", await staff());
    const narrow = await client.refreshTokenGrant(app.config, refreshToken, { scope: "openid account" });
    expect(claimsOf(narrow.access_token)).toMatchObject({ scope: "account", roles: ["customer"] });
  });

  test("has the scopes of this sign-in only after the user continues with more, in the same browser", async () => {
    const person = await running.register();
    const browser = createBrowser(running);
    const modest = await appOf("all", "openid");
    const few = await modest.tokensOf(await modest.signIn(browser, person));
    expect(scopeOf(few.access_token)).toBe("");
    const app = await appOf("all", "openid account");
    const { verifier, state, location } = await app.begin(browser, { prompt: "none" });
    const { access_token: more } = await app.tokensOf({ verifier, state, callback: new URL(location) });
    expect(scopeOf(more)).toBe("account");
  });

  test("has the role customer alone without the scope roles, and says that its user is of the staff", async () => {
    const [operator, customer] = [await staff(), await running.register()];
    const rolesOf = async (scope: string, person: typeof customer) => {
      const { roles, staff } = claimsOf((await tokensOf("all", scope, person)).access_token);
      return [roles, staff];
    };
    expect(await rolesOf("openid profile account", operator)).toEqual([["customer"], true]);
    expect(await rolesOf("openid roles", operator)).toEqual([["operator"], undefined]);
    expect(await rolesOf("openid", customer)).toEqual([["customer"], undefined]);
  });

  test.each([
    ["openid", []],
    ["openid profile", ["username"]],
    ["openid email", ["email", "email_verified"]],
    ["openid account roles phone", []],
  ])("for %s names of its user %j", async (scope, names) => {
    const claims = claimsOf((await tokensOf("all", scope, await running.register())).access_token);
    const personal = ["username", "email", "email_verified", "phone", "phone_number"];
    expect(personal.filter((name) => name in claims)).toEqual(names);
  });

  test("still opens the addresses of its user without a scope", async () => {
    const person = await running.register();
    const { access_token: token } = await tokensOf("all", "openid", person);
    expect(await running.as(token).listAddresses({ userId: "me" })).toMatchObject({ addresses: [] });
  });
});

async function staff() {
  const person = await running.register();
  await running.pool.query("update users set roles = '{operator}' where id = $1", [person.id]);
  return person;
}

const grantsOf = async (userId: string) => {
  const { rows } = await running.pool.query<{ client: string }>(
    "select payload->>'clientId' as client from oidc_entries where model = 'Grant' and account_id = $1 order by 1",
    [userId],
  );
  return rows.map(({ client }) => client);
};

async function signedIn(): Promise<{ browser: TestBrowser; person: Awaited<ReturnType<TestIdentity["register"]>> }> {
  const [browser, person] = [createBrowser(running), await running.register()];
  await (await appOf("web")).signIn(browser, person);
  return { browser, person };
}

describe("a signed-in browser that is sent by another application", () => {
  test("begins no session before its user continues", async () => {
    const { browser, person } = await signedIn();
    const mail = await appOf("mail");

    const { page, location, verifier, state } = await mail.begin(browser);

    expect(location).toMatch(/\/oidc\/sign-in\//);
    expect(page.html).toContain(`Continue as ${person.username}`);
    expect(page.html).toContain("Mail &#38; &#60;More&#62;");
    expect(page.html).not.toContain('type="password"');
    expect(await grantsOf(person.id)).toEqual(["web"]);

    const submitted = await browser.open(location, { csrf: page.csrf, continue: "yes" });
    const { location: callback } = await browser.open(submitted.location);
    const tokens = await mail.tokensOf({ verifier, state, callback: new URL(callback) });
    expect(claimsOf(tokens.access_token)).toMatchObject({ sub: person.id, client_id: "mail" });
    expect(await grantsOf(person.id)).toEqual(["mail", "web"]);
    expect((await mail.begin(browser)).location).toContain("?code=");
  });

  test("goes back with access_denied when its user cancels", async () => {
    const { browser, person } = await signedIn();
    const { page, location } = await (await appOf("mail")).begin(browser);

    const submitted = await browser.open(location, { csrf: page.csrf, continue: "no" });

    const back = new URL((await browser.open(submitted.location)).location);
    expect(back.searchParams.get("error")).toBe("access_denied");
    expect(await grantsOf(person.id)).toEqual(["web"]);
  });

  test.each([
    ["without its token", (csrf: string) => ({ csrf: "", not: csrf }), {}],
    ["with a wrong token", () => ({ csrf: "x".repeat(43) }), {}],
    ["sent by another page", (csrf: string) => ({ csrf }), { origin: "http://evil.test" }],
  ])("ignores a form %s", async (_how, csrf, headers) => {
    const { browser, person } = await signedIn();
    const { page, location } = await (await appOf("mail")).begin(browser);

    const answer = await browser.open(location, { ...csrf(page.csrf), continue: "yes" }, headers);

    expect(answer.status).toBe(403);
    expect(await grantsOf(person.id)).toEqual(["web"]);
  });

  test.each([
    ["prompt=none", "none", "consent_required"],
    ["prompt=none in a browser that is not signed in", "none", "login_required"],
  ])("by %s gets an error instead of a page", async (how, prompt, expected) => {
    const browser = how.includes("not signed in") ? createBrowser(running) : (await signedIn()).browser;
    const { location } = await (await appOf("mail")).begin(browser, { prompt });
    expect(new URL(location).searchParams.get("error")).toBe(expected);
  });

  test("gets a code by prompt=none where the application has a session", async () => {
    const { browser } = await signedIn();
    expect((await (await appOf("web")).begin(browser, { prompt: "none" })).location).toContain("?code=");
  });

  test.each([
    [{}, { "accept-language": "de-AT,de;q=0.9,en;q=0.8" }, "de", "Weiter als"],
    [{}, { "accept-language": "fr, en;q=0.5, de;q=0.4" }, "en", "Continue as"],
    [{}, { "accept-language": "de;q=0, en" }, "en", "Continue as"],
    [{}, { "accept-language": ";;q=x,,de;q=0.1" }, "de", "Weiter als"],
    [{}, {}, "en", "Continue as"],
    [{ ui_locales: "fr de" }, { "accept-language": "en" }, "de", "Weiter als"],
  ])("%j with %j is asked in %s", async (params, headers, language, words) => {
    const { browser } = await signedIn();
    const { location } = await (await appOf("mail")).begin(browser, params);
    const { html } = await browser.open(location, undefined, headers as Record<string, string>);
    expect(html).toContain(`<html lang="${language}">`);
    expect(html).toContain(words);
  });

  test("is asked to continue by prompt=consent after signing in, and the time of the sign-in stays", async () => {
    const [browser, { username, password, id }] = [createBrowser(running), await running.register()];
    const web = await appOf("web");
    const { location, page, verifier, state } = await web.begin(browser, { prompt: "login consent" });
    const submitted = await browser.open(location, { csrf: page.csrf, username, password });
    const { location: asked } = await browser.open(submitted.location);
    const question = await browser.open(asked);
    expect(question.html).toContain("Continue as");
    // As if the user had thought about it for a minute.
    await running.pool.query(
      `update oidc_entries set payload = jsonb_set(payload, '{iat}', to_jsonb((payload->>'iat')::int - 60))
       where model = 'Interaction' and payload->'session'->>'accountId' = $1`,
      [id],
    );

    const continued = await browser.open(asked, { csrf: question.csrf, continue: "yes" });

    const { location: callback } = await browser.open(continued.location);
    const tokens = await web.tokensOf({ verifier, state, callback: new URL(callback) });
    expect(Date.now() / 1000 - Number(claimsOf(tokens.access_token).auth_time)).toBeGreaterThan(50);
  });
});

test("signing in again for an application begins another session, and ends the tokens of the former one", async () => {
  const { browser, person } = await signedIn();
  const web = await appOf("web");
  const first = await web.begin(browser);
  const before = await web.tokensOf({ ...first, callback: new URL(first.location) });

  const again = await web.begin(browser, { prompt: "login" });
  const { username, password } = person;
  const submitted = await browser.open(again.location, { csrf: again.page.csrf, username, password });
  const { location: callback } = await browser.open(submitted.location);
  const after = await web.tokensOf({ ...again, callback: new URL(callback) });

  expect(claimsOf(after.access_token).sid).not.toBe(claimsOf(before.access_token).sid);
  await expect(client.refreshTokenGrant(web.config, before.refresh_token!)).rejects.toMatchObject({
    error: "invalid_grant",
  });
  await expect
    .poll(() =>
      running
        .as(before.access_token)
        .getUser({ id: "me" })
        .catch((error: Error) => error.message),
    )
    .toContain("revoked");
  await client.refreshTokenGrant(web.config, after.refresh_token!);
});

test("a user has so many sessions of applications at a time; one more ends the oldest", async () => {
  const person = await running.register();
  for (const number of [1, 2, 3, 4, 5]) {
    await (await appOf(`app-${number}`)).signIn(createBrowser(running), person);
    // In seconds, as oidc-provider keeps it: make each a little older than the next.
    await running.pool.query(
      `update oidc_entries set payload = jsonb_set(payload, '{iat}', to_jsonb((payload->>'iat')::int - 10))
       where model = 'Grant' and account_id = $1`,
      [person.id],
    );
  }

  expect(await grantsOf(person.id)).toEqual(["app-3", "app-4", "app-5"]);
});

test("a new session is never the one that is ended, though another process's clock is ahead", async () => {
  const person = await running.register();
  for (const number of [1, 2, 3, 4, 5]) {
    const app = await appOf(`app-${number}`);
    await app.tokensOf(await app.signIn(createBrowser(running), person));
    await running.pool.query(
      `update oidc_entries set payload = jsonb_set(payload, '{iat}', to_jsonb((payload->>'iat')::int + 10))
       where model = 'Grant' and account_id = $1`,
      [person.id],
    );
  }

  expect(await grantsOf(person.id)).toContain("app-5");
});

describe("sessions of support and operators", () => {
  async function operatorSignedIn() {
    const [browser, person] = [createBrowser(running), await running.register()];
    const password = "twelve characters or more";
    await person.client.changePassword({ userId: "me", currentPassword: person.password, newPassword: password });
    const promote = () => running.identity.setRoles({ id: person.id, roles: ["customer", "operator"] });
    const web = await appOf("web");
    return { browser, person: { ...person, password }, promote, web };
  }

  const shift = (userId: string, model: string, name: string, seconds: number) =>
    running.pool.query(
      `update oidc_entries set payload = jsonb_set(payload, array[$3::text], to_jsonb((payload->>$3)::int - $4::int))
       where model = $2 and account_id = $1`,
      [userId, model, name, seconds],
    );

  const secondsLeft = async (userId: string, model: string) => {
    const { rows } = await running.pool.query<{ left: number }>(
      `select extract(epoch from max(expire_time) - now())::float8 as left from oidc_entries
       where model = $2 and account_id = $1`,
      [userId, model],
    );
    return rows[0]?.left;
  };

  test("end an hour after the last use, and a day after the sign-in", async () => {
    const { browser, person, promote, web } = await operatorSignedIn();
    await promote();
    const tokens = await web.tokensOf(await web.signIn(browser, person));
    expect(await secondsLeft(person.id, "Session")).toBeCloseTo(3_600, -2);
    expect(await secondsLeft(person.id, "RefreshToken")).toBeCloseTo(3_600, -2);
    expect(await secondsLeft(person.id, "Grant")).toBeCloseTo(86_400, -2);

    await shift(person.id, "Session", "loginTs", 86_000);
    await shift(person.id, "RefreshToken", "authTime", 86_000);
    await web.begin(browser);
    await client.refreshTokenGrant(web.config, tokens.refresh_token!);

    expect(await secondsLeft(person.id, "Session")).toBeCloseTo(400, -2);
    const { rows } = await running.pool.query<{ left: number }>(
      `select extract(epoch from expire_time - now())::float8 as left from oidc_entries
       where model = 'RefreshToken' and account_id = $1 and not payload ? 'consumed' order by 1 limit 1`,
      [person.id],
    );
    expect(rows[0]?.left).toBeCloseTo(400, -2);
  });

  test("follow the roles: those of a customer who becomes operator are judged as an operator's", async () => {
    const { browser, person, promote, web } = await operatorSignedIn();
    const tokens = await web.tokensOf(await web.signIn(browser, person));
    expect(await secondsLeft(person.id, "Session")).toBeCloseTo(2_592_000, -3);
    await shift(person.id, "RefreshToken", "iat", 3_601);
    await shift(person.id, "Session", "loginTs", 86_401);
    await promote();

    await expect(client.refreshTokenGrant(web.config, tokens.refresh_token!)).rejects.toMatchObject({
      error: "invalid_grant",
    });
    const { location, page } = await web.begin(browser);
    expect(location).toMatch(/\/oidc\/sign-in\//);
    expect(page.html).toContain('type="password"');
    const refused = await web.begin(browser, { prompt: "none" });
    expect(new URL(refused.location).searchParams.get("error")).toBe("login_required");
  });

  test("are not prolonged by opening the page that signs out", async () => {
    const { browser, person, promote, web } = await operatorSignedIn();
    await promote();
    await web.signIn(browser, person);

    await browser.open("/oidc/logout");

    expect(await secondsLeft(person.id, "Session")).toBeLessThanOrEqual(3_600);
  });
});
