import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestIdentity, startTestMailServer, type TestIdentity, type TestMailServer } from "../testing/identity.ts";
import { claimsOf, createBrowser, createOidcApp, type OidcApp, type TestBrowser } from "../testing/oidc-app.ts";

const redirectUri = "http://app.test/callback";
const scopes = ["openid", "profile", "email", "account"];
const apps = JSON.stringify([{ client_id: "app", client_name: "The <App>", scopes, redirect_uris: [redirectUri] }]);
const asked = { clientId: "app", redirectUri, scope: scopes.join(" ") };
const cleanup = new AsyncDisposableStack();
let post: TestMailServer;
/** One shop whose people may sign in at once, and one where they have to confirm their address first. */
let open: Shop;
let strict: Shop;

type Shop = { readonly running: TestIdentity; readonly app: OidcApp };

beforeAll(async () => {
  post = cleanup.use(await startTestMailServer());
  const start = async (env: Record<string, string>): Promise<Shop> => {
    const running = cleanup.use(await startTestIdentity({ env: { SMTP_URL: post.url, OIDC_CLIENTS: apps, ...env } }));
    return { running, app: await createOidcApp(running, asked) };
  };
  open = await start({});
  strict = await start({ UNVERIFIED_USERS_MAY: "nothing" });
});
afterAll(() => cleanup.disposeAsync());

let people = 0;
const newPerson = () => {
  const username = `new-${++people}`;
  return { username, email: `${username}@shop.test`, password: "correct horse" };
};
const hidden = (html: string, name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? "";
const reasonIn = (html: string) => /data-reason="([^"]*)"/.exec(html)?.[1] ?? "";
const scriptIn = (html: string) => /<script>([^<]*)<\/script>/.exec(html)?.[1] ?? "";
const linksIn = (html: string) => [...html.matchAll(/<a href="([^"]+)"/g)].map(([, href = ""]) => href);

/** Opens the page to register from an application, in a browser of its own unless one is given. */
async function begin({ running, app }: Shop, browser: TestBrowser = createBrowser(running), more = {}) {
  const begun = await app.begin(browser, { prompt: "create", ...more });
  const { location, page } = begun;
  const fields = { csrf: page.csrf, form_id: hidden(page.html, "form_id") };
  const submit = (given: Record<string, string>, headers = {}) =>
    browser.open(location, { ...fields, ...given }, headers);
  const tokens = async (answer: { location: string }) => {
    const { location: callback } = await browser.open(answer.location);
    return await app.tokensOf({ verifier: begun.verifier, state: begun.state, callback: new URL(callback) });
  };
  return { ...begun, browser, fields, submit, tokens };
}

async function usersNamed({ running }: Shop, username: string): Promise<number> {
  const { users } = await running.identity.listUsers({ username });
  return users.length;
}

describe("a registration on the page", () => {
  test("is offered by the sign-in page, and ends in the application with the tokens of the new user", async () => {
    const browser = createBrowser(open.running);
    const person = newPerson();
    const { page, verifier, state } = await open.app.begin(browser);
    const href = linksIn(page.html).find((link) => link.endsWith("/register"))!;

    const form = await browser.open(href);
    const given = { csrf: form.csrf, form_id: hidden(form.html, "form_id"), ...person };
    const submitted = await browser.open(href, given);

    expect([form.status, submitted.status]).toEqual([200, 303]);
    const { location: callback } = await browser.open(submitted.location);
    const tokens = await open.app.tokensOf({ verifier, state, callback: new URL(callback) });
    const { user } = await open.running.as(tokens.access_token).getUser({ id: "me" });
    expect(user).toMatchObject({ username: person.username, email: person.email, emailVerified: false });
    expect(claimsOf(tokens.access_token)).toMatchObject({ sub: user?.id, amr: ["pwd"] });
    await post.tokenTo(person.email, "confirm");
  });

  test("is what an application gets that asks for it, which the discovery says", async () => {
    const { location, page, submit, tokens } = await begin(open);
    expect(location).toMatch(/\/oidc\/sign-in\/[\w-]+\/register$/);
    expect(page.html).toContain("<h1>Create an account</h1>\n<p>to continue to The &#60;App&#62;</p>");
    const discovery = await open.running.fetch(`${open.running.issuer}/.well-known/openid-configuration`);
    expect(await discovery.json()).toMatchObject({ prompt_values_supported: expect.arrayContaining(["create"]) });

    const person = newPerson();
    const { access_token: token } = await tokens(await submit(person));
    expect((await open.running.as(token).getUser({ id: "me" })).user?.username).toBe(person.username);
  });

  test("is not needed by somebody who has an account", async () => {
    const person = await open.running.register();
    const { browser, page, tokens } = await begin(open);
    const signInPath = linksIn(page.html)[0]!;

    const form = await browser.open(signInPath);
    const { username, password } = person;
    const { access_token: token } = await tokens(
      await browser.open(signInPath, { csrf: form.csrf, username, password }),
    );

    expect(claimsOf(token).sub).toBe(person.id);
  });

  test("goes on as the new user in a browser that is signed in as somebody else", async () => {
    const browser = createBrowser(open.running);
    await open.app.tokensOf(await open.app.signIn(browser, await open.running.register()));
    const person = newPerson();
    const { verifier, state, location, submit } = await begin(open, browser);
    expect(location).toMatch(/\/register$/);

    // The former session ends by a page that submits itself, in browsers that run its script.
    const page = await browser.open((await submit(person)).location);
    const hash = createHash("sha256").update(scriptIn(page.html)).digest("base64");
    const policy = page.headers.get("content-security-policy");
    expect(policy).toContain(`script-src 'sha256-${hash}'; form-action 'self' http: https:;`);
    const action = /action="([^"]+)"/.exec(page.html)?.[1] ?? "";
    const ended = await browser.open(action, { xsrf: hidden(page.html, "xsrf"), logout: "yes" });

    const { location: callback } = await browser.open(ended.location);
    const tokens = await open.app.tokensOf({ verifier, state, callback: new URL(callback) });
    expect(claimsOf(tokens.access_token)).toMatchObject({ username: person.username });
  });

  test("loads nothing, runs nothing, and binds labels, hints and errors to the fields", async () => {
    const { page, submit } = await begin(open);
    const refused = await submit({ ...newPerson(), password: "password1" });

    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self' http:\/\/app\.test; base-uri 'none'; frame-ancestors 'none'; object-src 'none'$/,
    );
    expect(page.headers.get("cache-control")).toBe("no-store");
    for (const name of ["username", "email", "password"]) {
      expect(page.html).toContain(`<label for="${name}">`);
      expect(page.html).toMatch(new RegExp(`<input id="${name}" name="${name}" [^>]*aria-describedby="${name}-hint"`));
      expect(page.html).toContain(`id="${name}-hint"`);
    }
    expect(refused.html).toMatch(
      /<input id="password" [^>]*aria-invalid="true" aria-describedby="password-error password-hint" autofocus>/,
    );
    expect(refused.html).toMatch(/id="password-error" data-reason="PASSWORD_TOO_COMMON">This password is among/);
    expect(refused.html.match(/autofocus/g)).toHaveLength(1);
    expect(refused.html).not.toContain("password1");
  });

  test.each([
    ["de", {}, { "accept-language": "de-DE,de;q=0.9,en;q=0.5" }],
    ["de", { ui_locales: "de" }, { "accept-language": "en" }],
    ["en", {}, { "accept-language": "fr" }],
  ])("is in the language %s that the application or the browser wants", async (language, more, headers) => {
    const { browser, location, submit } = await begin(open, createBrowser(open.running), more);

    const form = await browser.open(location, undefined, headers);
    const refused = await submit({ ...newPerson(), username: "root" }, headers);

    const texts = {
      de: ["Konto anlegen", "Dieser Name ist vergeben."],
      en: ["Create an account", "This name is taken."],
    };
    const [title = "", taken = ""] = texts[language as "de" | "en"];
    expect(form.html).toContain(`<html lang="${language}">`);
    expect(form.html).toContain(`<h1>${title}</h1>`);
    expect(refused.html).toContain(taken);
  });
});

describe("a form to register", () => {
  const nul = "\0";
  test.each<[string, Record<string, string>, number, string, string]>([
    ["without a name", { username: "" }, 400, "username", "string.pattern"],
    ["with a name of letters that are none", { username: "käthe" }, 400, "username", "string.pattern"],
    ["with a name that is too long", { username: "n".repeat(51) }, 400, "username", "string.pattern"],
    ["with NUL in the name", { username: `ada${nul}` }, 400, "username", "string.no_nul"],
    ["with a name that is taken", { username: "ROOT" }, 409, "username", "USERNAME_TAKEN"],
    ["without an address", { email: "" }, 400, "email", "string.min_len"],
    ["with an address that no mail reaches", { email: "ada@localhost" }, 400, "email", "string.mailable"],
    ["with two addresses", { email: "a@shop.test,b@shop.test" }, 400, "email", "string.mailable"],
    ["with NUL in the address", { email: `ada@shop.test${nul}` }, 400, "email", "string.no_nul"],
    ["with an address that is too long", { email: `${"a".repeat(250)}@shop.test` }, 400, "email", "string.max_len"],
    ["without a password", { password: "" }, 400, "password", "string.min_len"],
    ["with a password that is too long", { password: "long ".repeat(26) }, 400, "password", "string.max_len"],
    ["with NUL in the password", { password: `correct${nul} horse` }, 400, "password", "string.no_nul"],
    ["with a common password", { password: "Password1" }, 400, "password", "PASSWORD_TOO_COMMON"],
    ["with the shop's name as the password", { password: "sagacart-2026" }, 400, "password", "PASSWORD_TOO_OBVIOUS"],
  ])("%s is refused at the field, keeps the rest, and registers nobody", async (_how, wrong, status, field, reason) => {
    const person = newPerson();
    const { submit } = await begin(open);

    const answer = await submit({ ...person, ...wrong });

    expect([answer.status, reasonIn(answer.html)]).toEqual([status, reason]);
    expect(answer.html).toContain(`id="${field}-error"`);
    expect(hidden(answer.html, field)).not.toContain("\0");
    if (field !== "email") {
      expect(answer.html).toContain(`value="${person.email}"`);
    }
    expect(await usersNamed(open, person.username)).toBe(0);
    // The page that it answers is good, with what was wrong made right.
    const again = { csrf: answer.csrf, form_id: hidden(answer.html, "form_id") };
    expect((await submit({ ...again, ...person })).status).toBe(303);
  });

  test.each(["and waits", "and has not followed the redirect"])(
    "the form sent again after that signs nobody in: %s",
    async (how) => {
      const shop = how === "and waits" ? strict : open;
      const { browser, location, fields, submit } = await begin(shop);
      const person = newPerson();
      const first = await submit(person);
      await shop.running.anonymous.requestPasswordReset({ email: person.email });
      const token = await post.tokenTo(person.email, "reset");
      await shop.running.anonymous.resetPassword({ token, newPassword: "the owner's own" });

      const again = await browser.open(location, { ...fields, ...person });
      const followed = [await browser.open(again.location || "/health"), await browser.open(first.location)];

      // Back to the sign-in; or it is over, if it only had to be followed.
      expect(again.location).toBe(how === "and waits" ? location.replace("/register", "") : "");
      expect(followed.map((page) => page.location).join()).not.toContain("code=");
      expect(browser.cookies.has("sagacart_session")).toBe(false);
    },
  );

  test.each([
    ["without its token", { csrf: "" }, {}],
    ["with the token of another sign-in", { csrf: "x".repeat(43) }, {}],
    ["sent by another site", {}, { origin: "http://evil.test" }],
    ["sent by a page without an origin", {}, { origin: "null" }],
  ])("%s registers nobody", async (_how, given, headers) => {
    const person = newPerson();
    const { submit } = await begin(open);

    expect((await submit({ ...person, ...given }, headers)).status).toBe(403);
    expect(await usersNamed(open, person.username)).toBe(0);
  });

  test("works only in the browser that began", async () => {
    const person = newPerson();
    const { location, fields } = await begin(open);

    const answer = await createBrowser(open.running).open(location, { ...fields, ...person });

    expect([answer.status, await usersNamed(open, person.username)]).toEqual([400, 0]);
  });

  test("sent twice at the same time makes one account, and both lead on", async () => {
    const person = newPerson();
    const { submit, tokens } = await begin(open);

    const both = await Promise.all([submit(person), submit(person)]);

    expect(both.map(({ status }) => status)).toEqual([303, 303]);
    expect(await usersNamed(open, person.username)).toBe(1);
    expect(claimsOf((await tokens(both[0]!)).access_token)).toMatchObject({ username: person.username });
  });

  test("sent again with other content is refused, and registers when it is sent once more", async () => {
    const { submit, browser, location } = await begin(strict);
    const [person, other] = [newPerson(), newPerson()];
    expect((await submit(person)).status).toBe(303);

    const again = await submit(other);
    expect([again.status, reasonIn(again.html)]).toEqual([403, "REQUEST_ID_REUSED"]);
    const form = { csrf: again.csrf, form_id: hidden(again.html, "form_id") };
    expect((await browser.open(location, { ...form, ...other })).status).toBe(303);

    expect([await usersNamed(strict, person.username), await usersNamed(strict, other.username)]).toEqual([1, 1]);
  });

  test("is none of an earlier registration, whatever id it names", async () => {
    const person = newPerson();
    await open.running.anonymous.register({ ...person, requestId: "known" });
    const { submit } = await begin(open);

    const answer = await submit({ ...person, form_id: "known" });

    expect([answer.status, reasonIn(answer.html)]).toEqual([409, "USERNAME_TAKEN"]);
  });

  test.each(["GET", "HEAD"])("does nothing by %s", async (method) => {
    const person = newPerson();
    const { browser, location, fields } = await begin(open);
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");

    const url = new URL(`${location}?${new URLSearchParams({ ...fields, ...person })}`, open.running.issuer);
    const answer = await open.running.fetch(url, { method, headers: { cookie } });

    expect([answer.status, await usersNamed(open, person.username)]).toEqual([200, 0]);
  });

  test("pauses after many registrations from one network, for all its forms", async () => {
    const { running, app } = await (async () => {
      const env = { OIDC_CLIENTS: apps, REGISTRATIONS_FREE_PER_ADDRESS: "2" };
      const started = cleanup.use(await startTestIdentity({ env }));
      return { running: started, app: await createOidcApp(started, asked) };
    })();
    const register = async (address: string) =>
      await (await begin({ running, app })).submit(newPerson(), { "x-client-address": address });
    await register("198.51.100.7");
    await register("198.51.100.7");
    await register("198.51.100.7");
    await running.prolongPauses();

    const refused = await register("198.51.100.7");

    expect([refused.status, reasonIn(refused.html)]).toEqual([429, "TOO_MANY_ATTEMPTS"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await register("203.0.113.9")).status).toBe(303);
  });

  test("is in the security log as the RPC is, and so is what follows", async () => {
    const person = newPerson();
    const { submit, fields } = await begin(open);
    open.running.flushSecurity();
    open.running.security.length = 0;
    await submit({ ...fields, ...person, csrf: "x" });
    await submit({ ...person, password: "password1" });
    await submit(person);

    const { user } = await open.running.identity
      .listUsers({ username: person.username })
      .then(({ users }) => ({ user: users[0] }));
    const registered = { event: "user.registered", address: "127.0.0.1" };
    expect(open.running.security).toMatchObject([
      { ...registered, outcome: "refused", reason: "FORM_REFUSED" },
      { ...registered, object: { kind: "user", id: "" }, outcome: "refused", reason: "PASSWORD_TOO_COMMON" },
      { ...registered, object: { kind: "user", id: user?.id }, outcome: "ok" },
      { event: "session.started", object: { kind: "user", id: user?.id }, factor: "password", outcome: "ok" },
    ]);
    const text = JSON.stringify(open.running.security);
    expect([person.username, person.email, person.password].filter((one) => text.includes(one))).toEqual([]);
  });
});

describe("where an address has to be confirmed first", () => {
  /** Registers somebody, who then waits. */
  async function waiting(person = newPerson()) {
    const begun = await begin(strict);
    const { location } = await begun.submit(person);
    const page = await begun.browser.open(location);
    const press = (button: "continue" | "mail") => begun.browser.open(location, { csrf: page.csrf, do: button });
    return { ...begun, person, location, page, press };
  }

  test("the person goes on to the application once the link in the mail was used", async () => {
    const { browser, person, location, page, press, tokens } = await waiting();
    expect(page.html).toContain(`A mail is on its way to ${person.email}.`);
    expect(browser.cookies.has("sagacart_session")).toBe(false);
    const tooEarly = await press("continue");
    expect([tooEarly.status, reasonIn(tooEarly.html)]).toEqual([403, "EMAIL_NOT_VERIFIED"]);

    const token = await post.tokenTo(person.email, "confirm");
    expect((await browser.open(`/oidc/confirm-email?token=${token}`)).html).not.toContain("is confirmed");
    const confirmed = await browser.open("/oidc/confirm-email", { token });

    expect(linksIn(confirmed.html)).toEqual([location]);
    expect((await browser.open(location)).html).toContain("Your account is ready");
    const { access_token: access } = await tokens(await press("continue"));
    const { user } = await strict.running.as(access).getUser({ id: "me" });
    expect(user).toMatchObject({ username: person.username, emailVerified: true });
  });

  test("the link in the mail may be opened elsewhere, and the page that waits goes on", async () => {
    const { person, press, tokens } = await waiting();
    const token = await post.tokenTo(person.email, "confirm");

    const confirmed = await createBrowser(strict.running).open("/oidc/confirm-email", { token });

    expect([confirmed.status, linksIn(confirmed.html)]).toEqual([200, []]);
    expect(claimsOf((await tokens(await press("continue"))).access_token)).toMatchObject({ username: person.username });
  });

  test("the mail is sent again when it is asked for, and not too often", async () => {
    const { person, press } = await waiting();
    const first = await post.tokenTo(person.email, "confirm");
    expect((await press("mail")).html).toContain("it is on its way again");
    expect(await post.tokenTo(person.email, "confirm")).not.toBe(first);
    for (let more = 0; more < 6; more++) {
      expect((await press("mail")).status).toBe(200);
    }

    const { rows } = await strict.running.pool.query(
      "select count(*)::int as tokens from email_tokens t join users u on u.id = t.user_id where u.username = $1",
      [person.username],
    );
    expect(rows[0].tokens).toBeLessThanOrEqual(6);
  });

  test("an address that is known gets the same pages, and its owner a mail that says so", async () => {
    const owner = newPerson();
    await strict.running.anonymous.register(owner);
    await strict.running.anonymous.confirmEmail({ token: await post.tokenTo(owner.email, "confirm") });
    const secrets = (html: string, { username, email }: { username: string; email: string }) =>
      html
        .replaceAll(/value="[\w-]{20,}"/g, "")
        .replaceAll(/sign-in\/[\w-]+/g, "")
        .replaceAll(email, "")
        .replaceAll(username, "");

    const unknown = await waiting();
    const known = await waiting({ ...newPerson(), email: owner.email });

    expect(secrets(known.page.html, known.person)).toBe(secrets(unknown.page.html, unknown.person));
    const [pressed, pressedUnknown] = [await known.press("continue"), await unknown.press("continue")];
    expect(secrets(pressed.html, known.person)).toBe(secrets(pressedUnknown.html, unknown.person));
    await expect
      .poll(() =>
        post.mails.filter(({ to }) => to?.some(({ address }) => address === owner.email)).map((mail) => mail.subject),
      )
      .toContain("You already have an account / Sie haben bereits ein Konto");
  });

  test("a new password by the mail's reader ends the wait of whoever registered with the address", async () => {
    const { browser, person, location } = await waiting();
    await strict.running.anonymous.requestPasswordReset({ email: person.email });
    const token = await post.tokenTo(person.email, "reset");
    await strict.running.anonymous.resetPassword({ token, newPassword: "the owner's own" });

    const page = await browser.open(location);
    const pressed = await browser.open(location, { csrf: page.csrf, do: "continue" });

    // Back to the sign-in, which needs the new password.
    expect([page.status, pressed.status]).toEqual([303, 303]);
    expect([page.location, pressed.location]).toEqual(Array(2).fill(location.replace("/registered", "")));
    expect(browser.cookies.has("sagacart_session")).toBe(false);
  });

  test.each([
    ["without its token", { csrf: "" }, {}],
    ["sent by another site", {}, { origin: "http://evil.test" }],
  ])("a form %s does not sign in", async (_how, given, headers) => {
    const { browser, person, location, page } = await waiting();
    await strict.running.anonymous.confirmEmail({ token: await post.tokenTo(person.email, "confirm") });

    const answer = await browser.open(location, { csrf: page.csrf, do: "continue", ...given }, headers);

    expect([answer.status, browser.cookies.has("sagacart_session")]).toEqual([403, false]);
  });

  test("nobody who has not registered in this sign-in goes on", async () => {
    const { browser, location } = await begin(strict);
    const registered = location.replace("/register", "/registered");

    const answers = [await browser.open(registered), await browser.open(registered, { do: "continue" })];

    expect(answers.map(({ status }) => status)).toEqual([303, 303]);
  });
});
