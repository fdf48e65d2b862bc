import { describe, expect, test } from "vitest";
import { startTestIdentity } from "../testing/identity.ts";
import { mostSignIns } from "./sign-in-cookies.ts";

const redirectUri = "https://app.test/callback";

/** A browser of one host: keeps cookies by name, with those of a path only for that path, and sends the oldest first. */
function createBrowser(issuer: string, httpUrl: string) {
  const jar = new Map<string, { value: string; path: string }>();
  /** Every cookie that was ever set, with its attributes. */
  const set = new Map<string, string>();
  return {
    jar,
    set,
    async open(path: string, form?: Record<string, string>) {
      const sent = [...jar].filter(([, cookie]) => path.startsWith(cookie.path));
      const answer = await fetch(new URL(path, httpUrl), {
        redirect: "manual",
        headers: { cookie: sent.map(([name, { value }]) => `${name}=${value}`).join("; ") },
        ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
      });
      expect(answer.headers.get("cache-control"), path).toMatch(/no-store/);
      for (const cookie of answer.headers.getSetCookie()) {
        const [, name = "", value = "", attributes = ""] = /^([^=]+)=([^;]*)(.*)$/.exec(cookie) ?? [];
        if (/expires=Thu, 01 Jan 1970/i.test(attributes)) {
          jar.delete(name);
        } else {
          jar.set(name, { value, path: /; path=([^;]*)/i.exec(attributes)?.[1] ?? "/" });
          set.set(name, attributes);
        }
      }
      const { pathname, search } = new URL(answer.headers.get("location") ?? path, issuer);
      return { status: answer.status, next: pathname + search, html: await answer.text() };
    },
  };
}

type Browser = ReturnType<typeof createBrowser>;
type Account = { readonly username: string; readonly password: string };

function startIdentityAt(issuer: string) {
  return startTestIdentity({
    env: { ISSUER_URL: issuer, OIDC_CLIENTS: JSON.stringify([{ client_id: "app", redirect_uris: [redirectUri] }]) },
  });
}

const authorization = `/oidc/auth?${new URLSearchParams({
  ...{ client_id: "app", redirect_uri: redirectUri, response_type: "code", scope: "openid", prompt: "login" },
  ...{ code_challenge: "a".repeat(43), code_challenge_method: "S256" },
})}`;

/** Begins a sign-in in a tab, and returns the page's path and the token of its form. */
async function begin(browser: Browser) {
  const { next: page } = await browser.open(authorization);
  const { html } = await browser.open(page);
  return { page, csrf: /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? "" };
}

/** Sends the form of a sign-in, and returns where the browser ends: at the application if all went well. */
async function finish(browser: Browser, { page, csrf }: { page: string; csrf: string }, account: Account) {
  const { next: resume } = await browser.open(page, { csrf, username: account.username, password: account.password });
  return (await browser.open(resume)).next;
}

/** Signs a user in at the page, and returns every cookie that was set on the way, with its attributes. */
async function cookiesOfSignIn(issuer: string): Promise<Map<string, string>> {
  await using running = await startIdentityAt(issuer);
  const account = await running.register();
  const browser = createBrowser(issuer, running.httpUrl);
  expect(await finish(browser, await begin(browser), account)).toMatch(/^\/callback\?code=/);
  return browser.set;
}

/** The name without the sign-in's uid and the mark of a signature. */
const nameOf = (name: string) => name.replace(/\.sig$/, "").replace(/\.[\w-]+$/, "");

test("on HTTPS, all cookies are of this host alone", async () => {
  const cookies = await cookiesOfSignIn("https://shop.test");
  expect(new Set([...cookies.keys()].map(nameOf))).toEqual(
    new Set([
      ...["__Host-sagacart_session", "__Host-sagacart_device"],
      ...["__Host-sagacart_sign_in", "__Host-sagacart_sign_in_resume"],
    ]),
  );
  for (const [name, attributes] of cookies) {
    expect(attributes, name).toMatch(/; secure/i);
    expect(attributes, name).toMatch(/; httponly/i);
    expect(attributes, name).toMatch(/; samesite=lax/i);
    expect(attributes, name).not.toMatch(/; domain=/i);
    expect(attributes, name).toMatch(/; path=\/(;|$)/i);
  }
});

test("on plain HTTP, cookies have no names that browsers refuse there", async () => {
  const cookies = await cookiesOfSignIn("http://shop.test");
  expect(new Set([...cookies.keys()].map(nameOf))).toEqual(
    new Set(["sagacart_session", "sagacart_device", "sagacart_sign_in", "sagacart_sign_in_resume"]),
  );
  expect([...cookies.values()].join()).not.toMatch(/; secure/i);
});

describe.each(["https://shop.test", "http://shop.test"])("at %s", (issuer) => {
  test("two tabs of a browser sign in side by side, whichever ends first", async () => {
    await using running = await startIdentityAt(issuer);
    const account = await running.register();
    const browser = createBrowser(issuer, running.httpUrl);
    const [one, two] = [await begin(browser), await begin(browser)];

    expect(await finish(browser, two, account)).toMatch(/^\/callback\?code=/);
    expect(await finish(browser, one, account)).toMatch(/^\/callback\?code=/);
    // Nothing is left of either, in the browser's cookies for all paths.
    expect([...browser.jar.keys()].filter((name) => name.includes("sign_in"))).toEqual([]);
  });

  test("a page of a sign-in is refused with the cookies of another one", async () => {
    await using running = await startIdentityAt(issuer);
    const [browser, other] = [createBrowser(issuer, running.httpUrl), createBrowser(issuer, running.httpUrl)];
    await begin(browser);
    const { page } = await begin(other);

    expect((await browser.open(page)).status).toBe(400);
  });

  test("a browser keeps few sign-ins that it never ends, and the newest one works", async () => {
    await using running = await startIdentityAt(issuer);
    const account = await running.register();
    const browser = createBrowser(issuer, running.httpUrl);
    const begun = [];
    for (let count = 0; count < mostSignIns + 3; count++) {
      begun.push(await begin(browser));
    }

    const kept = new Set([...browser.jar.keys()].filter((name) => name.includes("sign_in")).map(uidOf));
    expect([...kept]).toEqual(begun.slice(-mostSignIns).map(({ page }) => page.split("/").at(-1)));
    expect((await browser.open(begun[0]?.page ?? "")).status).toBe(400);
    expect(await finish(browser, begun.at(-1)!, account)).toMatch(/^\/callback\?code=/);
  });
});

const uidOf = (name: string) => name.replace(/\.sig$/, "").replace(/^.*sign_in(?:_resume)?\./, "");
