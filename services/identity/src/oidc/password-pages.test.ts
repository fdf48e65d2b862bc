import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestIdentity, startTestMailServer, type TestIdentity, type TestMailServer } from "../testing/identity.ts";
import { claimsOf, createBrowser, createOidcApp, type OidcApp } from "../testing/oidc-app.ts";

const redirectUri = "http://app.test/callback";
const cleanup = new AsyncDisposableStack();
let post: TestMailServer;
let running: TestIdentity;
let app: OidcApp;

beforeAll(async () => {
  post = cleanup.use(await startTestMailServer());
  const clients = [{ client_id: "app", client_name: "The <App>", redirect_uris: [redirectUri] }];
  running = cleanup.use(
    await startTestIdentity({ env: { SMTP_URL: post.url, OIDC_CLIENTS: JSON.stringify(clients) } }),
  );
  app = await createOidcApp(running, { clientId: "app", redirectUri });
});
afterAll(() => cleanup.disposeAsync());

const forgot = "/oidc/forgot-password";
const reset = "/oidc/reset-password";
const reasonIn = (html: string) => /data-reason="([^"]*)"/.exec(html)?.[1] ?? "";
const linksIn = (html: string) => [...html.matchAll(/<a href="([^"]+)"/g)].map(([, href = ""]) => href);
const browse = () => createBrowser(running);
const canSignIn = async (username: string, password: string) =>
  await running.anonymous.signIn({ username, password }).then(
    () => true,
    () => false,
  );

/** A person with a token for a new password. */
async function withToken() {
  const person = await running.register();
  await running.anonymous.requestPasswordReset({ email: person.email });
  return { ...person, token: await post.tokenTo(person.email, "reset") };
}

test("whoever has forgotten the password gets a mail, chooses another one, and goes on with the sign-in", async () => {
  const person = await running.register();
  const browser = browse();
  const { page, location, verifier, state } = await app.begin(browser);
  const path = linksIn(page.html).find((link) => link.startsWith(forgot))!;
  expect((await browser.open(path)).html).toContain("Forgot your password?");
  const asked = await browser.open(path, { email: ` ${person.email.toUpperCase()} ` });
  expect(asked.status).toBe(303);
  expect((await browser.open(asked.location)).html).toContain("a mail with a link is on its way");

  const token = await post.tokenTo(person.email, "reset");
  const form = await browser.open(`${reset}?token=${token}`);
  expect(form.html).toContain(`name="token" value="${token}"`);
  const saved = await browser.open(reset, { token, password: "another horse" });

  expect([saved.status, linksIn(saved.html)]).toEqual([200, [location]]);
  expect(saved.html).toContain("Continue to The &#60;App&#62;");
  const { username } = person;
  const submitted = await browser.open(location, { csrf: page.csrf, username, password: "another horse" });
  const { location: callback } = await browser.open(submitted.location);
  const tokens = await app.tokensOf({ verifier, state, callback: new URL(callback) });
  expect(claimsOf(tokens.access_token).sub).toBe(person.id);
  await expect(running.anonymous.refreshToken({ refreshToken: person.refreshToken })).rejects.toThrow();
});

test("the link of the mail works in a browser in which no sign-in waits", async () => {
  const { username, token } = await withToken();

  const saved = await browse().open(reset, { token, password: "another horse" });

  expect([saved.status, linksIn(saved.html)]).toEqual([200, []]);
  expect(await canSignIn(username, "another horse")).toBe(true);
});

describe("the form for a mail", () => {
  test("answers the same for every address, known or not", async () => {
    const { email } = await running.register();
    const answers = await Promise.all(
      [email, "nobody@shop.test"].map(async (each) => {
        const browser = browse();
        const answer = await browser.open(forgot, { email: each });
        return { status: answer.status, location: answer.location, html: (await browser.open(answer.location)).html };
      }),
    );

    expect(answers[0]).toEqual(answers[1]);
  });

  test.each([
    ["no address", "", "string.min_len"],
    ["what is no address", "ada", "string.mailable"],
    ["NUL", "ada@shop.test\0", "string.no_nul"],
    ["one that is too long", `${"a".repeat(250)}@shop.test`, "string.max_len"],
    ["two", "a@shop.test, b@shop.test", "string.mailable"],
  ])("refuses %s at the field", async (_what, email, reason) => {
    const answer = await browse().open(forgot, { email });

    expect([answer.status, reasonIn(answer.html)]).toEqual([400, reason]);
    expect(answer.html).toMatch(/<input id="email" [^>]*aria-invalid="true" aria-describedby="email-error" autofocus>/);
  });

  test("pauses after five mails to one address", async () => {
    const { email } = await running.register();
    for (let mail = 0; mail < 6; mail++) {
      await browse().open(forgot, { email });
    }
    await running.prolongPauses();

    const answer = await browse().open(forgot, { email });

    expect([answer.status, reasonIn(answer.html)]).toEqual([429, "TOO_MANY_ATTEMPTS"]);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  });
});

describe("the form for a new password", () => {
  test.each([
    ["too short", "short", 400, "string.min_len"],
    ["too long", "long ".repeat(26), 400, "string.max_len"],
    ["with NUL", "another\0horse", 400, "string.no_nul"],
    ["common", "password1", 400, "PASSWORD_TOO_COMMON"],
    ["the shop's name", "sagacart-2026", 400, "PASSWORD_TOO_OBVIOUS"],
  ])("refuses one that is %s, and the link stays good", async (_how, password, status, reason) => {
    const { username, token } = await withToken();

    const refused = await browse().open(reset, { token, password });

    expect([refused.status, reasonIn(refused.html)]).toEqual([status, reason]);
    expect(refused.html).toContain(`name="token" value="${token}"`);
    expect(refused.html).toContain('aria-describedby="password-error password-hint"');
    expect(await canSignIn(username, password)).toBe(false);
    expect((await browse().open(reset, { token, password: "another horse" })).status).toBe(200);
    expect(await canSignIn(username, "another horse")).toBe(true);
  });

  test.each([
    ["a customer", [], 8],
    ["support", ["support"], 12],
    ["an operator", ["operator"], 12],
  ])("tells %s the length that the password must have, before and after a refusal", async (_who, roles, least) => {
    const { token, username } = await withToken();
    await running.pool.query("update users set roles = roles || $2::text[] where username = $1", [username, roles]);
    const shown = await browse().open(`${reset}?token=${token}`);
    const german = await browse().open(`${reset}?token=${token}&ui_locales=de`);
    const refused = await browse().open(reset, { token, password: "password1" });
    expect(shown.html).toContain(`At least ${least} characters.`);
    expect(german.html).toContain(`Mindestens ${least} Zeichen.`);
    expect(refused.html).toContain(`At least ${least} characters.`);
  });

  test("tells who has no token the customers' length", async () => {
    for (const token of ["", "made-up", "x".repeat(300)]) {
      expect((await browse().open(`${reset}?token=${token}`)).html).toContain("At least 8 characters.");
    }
  });

  test("refuses the person's own name", async () => {
    const { email, token } = await withToken();
    const refused = await browse().open(reset, { token, password: email });
    expect([refused.status, reasonIn(refused.html)]).toEqual([400, "PASSWORD_TOO_COMMON"]);
  });

  test.each<[string, (token: string) => Promise<string>]>([
    ["none", async () => ""],
    ["an invented one", async () => "x".repeat(43)],
    ["one with NUL", async (token) => `${token}\0`],
    ["a part of one", async (token) => token.slice(0, 30)],
    [
      "one that was used",
      async (token) => {
        await running.anonymous.resetPassword({ token, newPassword: "the first one" });
        return token;
      },
    ],
    [
      "one that has expired",
      async (token) => {
        await running.pool.query("update password_resets set expire_time = now() - interval '1 second'");
        return token;
      },
    ],
    ["one that confirms an address", async () => await post.tokenTo((await running.register()).email, "confirm")],
  ])("takes no other token: %s", async (_what, tokenOf) => {
    const { username, token } = await withToken();

    const answer = await browse().open(reset, { token: await tokenOf(token), password: "another horse" });

    expect(answer.status).toBe(400);
    expect(answer.html).toContain("This link is not valid");
    expect(linksIn(answer.html)).toEqual([`${forgot}?ui_locales=en`]);
    expect(await canSignIn(username, "another horse")).toBe(false);
  });

  test("changes the password of the token's user alone, whoever else is named or signed in", async () => {
    const [one, other] = [await withToken(), await withToken()];
    const browser = browse();
    await app.signIn(browser, other);
    const named = { user_id: other.id, username: other.username, email: other.email };

    expect((await browser.open(reset, { token: one.token, password: "another horse", ...named })).status).toBe(200);

    expect(await canSignIn(one.username, "another horse")).toBe(true);
    expect(await canSignIn(other.username, other.password)).toBe(true);
  });

  test("sent twice at the same time changes it once", async () => {
    const { username, token } = await withToken();
    const given = ["first horse", "second horse"];

    const both = await Promise.all(given.map((password) => browse().open(reset, { token, password })));

    expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
    const winner = given[both.findIndex(({ status }) => status === 200)]!;
    expect(await Promise.all(given.map((password) => canSignIn(username, password)))).toEqual(
      given.map((password) => password === winner),
    );
  });

  test("is paused after many wrong tokens from one network", async () => {
    const from = { "x-client-address": "198.51.100.77" };
    for (let wrong = 0; wrong < 51; wrong++) {
      await browse().open(reset, { token: `${wrong}`.padEnd(43, "x"), password: "another horse" }, from);
    }
    await running.prolongPauses();
    const { token } = await withToken();

    expect((await browse().open(reset, { token, password: "another horse" }, from)).status).toBe(429);
  });
});

describe.each<[string, (person: { email: string; token: string }) => Record<string, string>]>([
  [forgot, ({ email }) => ({ email })],
  [reset, ({ token }) => ({ token, password: "another horse" })],
])("%s", (path, formOf) => {
  test.each(["http://evil.test", "null"])("is not sent from the origin %s", async (origin) => {
    const person = await withToken();
    running.flushSecurity();
    running.security.length = 0;

    expect((await browse().open(path, formOf(person), { origin })).status).toBe(403);

    expect(running.security).toMatchObject([{ outcome: "refused", reason: "FORM_REFUSED" }]);
    expect(await canSignIn(person.username, person.password)).toBe(true);
  });

  test.each(["GET", "HEAD"])("does nothing by %s", async (method) => {
    const person = await withToken();
    const sent = post.mails.length;

    const answer = await running.fetch(new URL(`${path}?${new URLSearchParams(formOf(person))}`, running.issuer), {
      method,
    });

    expect(answer.status).toBe(200);
    expect(await canSignIn(person.username, person.password)).toBe(true);
    const { rows } = await running.pool.query(
      "select count(*)::int as tokens from password_resets where user_id = $1",
      [person.id],
    );
    expect([rows[0].tokens, post.mails.length]).toEqual([1, sent]);
  });

  test("loads nothing and runs nothing, and is in German for those who want it", async () => {
    const page = await browse().open(path, undefined, { "accept-language": "de" });
    const asked = await browse().open(`${path}?ui_locales=de`, undefined, { "accept-language": "en" });

    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'$/,
    );
    expect([page, asked].map(({ html }) => html.includes('<html lang="de">'))).toEqual([true, true]);
    expect(page.html).toMatch(/<label for="(?:email|password)">/);
  });
});

test("both are in the security log as the RPCs are", async () => {
  const person = await running.register();
  running.flushSecurity();
  running.security.length = 0;
  await browse().open(forgot, { email: person.email });
  await browse().open(forgot, { email: "nobody@shop.test" });
  const token = await post.tokenTo(person.email, "reset");
  await browse().open(reset, { token, password: "password1" });
  await browse().open(reset, { token, password: "another horse" });
  await browse().open(reset, { token, password: "another horse" });

  const [own, nobody] = [person.id, ""].map((id) => ({ object: { kind: "user", id }, address: "127.0.0.1" }));
  const [asked, changed] = ["password.reset_requested", "password.reset"].map((event) => ({ event }));
  expect(running.security).toMatchObject([
    { ...asked, ...own, outcome: "ok" },
    { ...asked, ...nobody, outcome: "ok" },
    { ...changed, ...own, factor: "mailed_token", outcome: "refused", reason: "PASSWORD_TOO_COMMON" },
    { ...changed, ...own, factor: "mailed_token", outcome: "ok" },
    { ...changed, ...nobody, factor: "mailed_token", outcome: "refused", reason: "BAD_RESET_TOKEN" },
  ]);
});
