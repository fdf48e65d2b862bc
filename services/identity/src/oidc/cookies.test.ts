import { expect, test } from "vitest";
import { startTestIdentity } from "../testing/identity.ts";

const redirectUri = "https://app.test/callback";

/** Signs a user in at the page, and returns every cookie that was set on the way, with its attributes. */
async function cookiesOfSignIn(issuer: string): Promise<Map<string, string>> {
  await using running = await startTestIdentity({
    env: { ISSUER_URL: issuer, OIDC_CLIENTS: JSON.stringify([{ client_id: "app", redirect_uris: [redirectUri] }]) },
  });
  const { username, password } = await running.register();
  const set = new Map<string, string>();
  const jar = new Map<string, string>();
  async function open(path: string, form?: Record<string, string>) {
    const answer = await fetch(new URL(path, running.httpUrl), {
      redirect: "manual",
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    expect(answer.headers.get("cache-control"), path).toMatch(/no-store/);
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = "", value = "", attributes = ""] = /^([^=]+)=([^;]*)(.*)$/.exec(cookie) ?? [];
      jar.set(name, value);
      if (value !== "") {
        set.set(name, attributes);
      }
    }
    const { pathname, search } = new URL(answer.headers.get("location") ?? path, issuer);
    return { next: pathname + search, html: await answer.text() };
  }
  const query = new URLSearchParams({
    ...{ client_id: "app", redirect_uri: redirectUri, response_type: "code", scope: "openid" },
    ...{ code_challenge: "a".repeat(43), code_challenge_method: "S256" },
  });
  const { next: page } = await open(`/oidc/auth?${query}`);
  const { html } = await open(page);
  const csrf = /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? "";
  const { next: resume } = await open(page, { csrf, username, password });
  const { next: callback } = await open(resume);
  expect(callback).toMatch(/^\/callback\?code=/);
  return set;
}

const nameOf = (name: string) => name.replace(/\.sig$/, "");

test("on HTTPS, a session's cookie is of this host alone, and the others come by HTTPS alone", async () => {
  const cookies = await cookiesOfSignIn("https://shop.test");
  expect(new Set([...cookies.keys()].map(nameOf))).toEqual(
    new Set([
      ...["__Host-sagacart_session", "__Host-sagacart_device"],
      ...["__Secure-sagacart_sign_in", "__Secure-sagacart_sign_in_resume"],
    ]),
  );
  for (const [name, attributes] of cookies) {
    expect(attributes, name).toMatch(/; secure/i);
    expect(attributes, name).toMatch(/; httponly/i);
    expect(attributes, name).not.toMatch(/; domain=/i);
    if (name.startsWith("__Host-")) {
      expect(attributes, name).toMatch(/; path=\/(;|$)/i);
    }
  }
});

test("on plain HTTP, cookies have no names that browsers refuse there", async () => {
  const cookies = await cookiesOfSignIn("http://shop.test");
  expect(new Set([...cookies.keys()].map(nameOf))).toEqual(
    new Set(["sagacart_session", "sagacart_device", "sagacart_sign_in", "sagacart_sign_in_resume"]),
  );
  expect([...cookies.values()].join()).not.toMatch(/; secure/i);
});
