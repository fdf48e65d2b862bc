import { generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity } from "../testing/identity.ts";
import { createBrowser, createOidcApp, type OidcApp, type TestBrowser } from "../testing/oidc-app.ts";

const redirectUri = "http://app.test/callback";
const home = "http://app.test/";
let running: TestIdentity;
let app: OidcApp;

beforeAll(async () => {
  const client = { redirect_uris: [redirectUri], post_logout_redirect_uris: [home] };
  const clients = [
    { ...client, client_id: "app", client_name: "App" },
    { ...client, client_id: "other", client_name: "Other" },
  ];
  running = await startTestIdentity({ env: { OIDC_CLIENTS: JSON.stringify(clients) } });
  app = await createOidcApp(running, { clientId: "app", redirectUri });
});
afterAll(() => running[Symbol.asyncDispose]());

async function signedIn(): Promise<{ browser: TestBrowser; idToken: string }> {
  const browser = createBrowser(running);
  const tokens = await app.tokensOf(await app.signIn(browser, await running.register()));
  return { browser, idToken: tokens.id_token ?? "" };
}

/** Replaces the keys as an operator with a new token: those from before the last time are refused. */
async function replaceKeys(): Promise<void> {
  const { session } = await running.anonymous.signIn({ username: "root", password: "the operator's own" });
  await running.as(session?.accessToken ?? "").replaceSigningKeys({});
}

function signOut(browser: TestBrowser, idToken: string, more: Record<string, string> = {}) {
  const query = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: home, ...more });
  return browser.open(`/oidc/logout?${query}`);
}

test("a sign-out with a hint that a replaced key has signed goes on to the application", async () => {
  const { browser, idToken } = await signedIn();
  await replaceKeys();
  // A later key replaces the next one, too: the former is known only as one that was.
  await replaceKeys();

  const page = await signOut(browser, idToken);

  expect(page.status).toBe(200);
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.html)?.[1] ?? "";
  const done = await browser.open("/oidc/logout/confirm", { xsrf, logout: "yes" });
  expect([done.status, done.location]).toEqual([303, home]);
});

test("tokens of a replaced key are no more than a hint: they sign nobody in", async () => {
  const { idToken } = await signedIn();
  await replaceKeys();

  const { location } = await app.begin(createBrowser(running), { prompt: "none", id_token_hint: idToken });

  expect(new URL(location).searchParams.get("error")).toBe("login_required");
});

test.each<[string, (idToken: string) => Promise<string>]>([
  [
    "by a key that never was ours",
    async () => {
      const { privateKey } = await generateKeyPair("ES256");
      const claims = { iss: running.issuer, aud: "app", sub: "ada" };
      return await new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "theirs" }).sign(privateKey);
    },
  ],
  [
    "by another key, in the name of a replaced one",
    async (idToken) => {
      const { privateKey } = await generateKeyPair("ES256");
      const [header = "", payload = ""] = idToken.split(".").map((part) => Buffer.from(part, "base64url").toString());
      return await new SignJWT(JSON.parse(payload)).setProtectedHeader(JSON.parse(header)).sign(privateKey);
    },
  ],
  [
    "and changed afterwards",
    async (idToken) => {
      const [header, payload = "", signature] = idToken.split(".");
      const claims = { ...JSON.parse(Buffer.from(payload, "base64url").toString()), sub: "someone" };
      return [header, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(".");
    },
  ],
  ["without a signature", async (idToken) => `${idToken.split(".").slice(0, 2).join(".")}.`],
])("a hint that was signed %s is refused", async (_how, forge) => {
  const { browser, idToken } = await signedIn();
  await replaceKeys();

  expect((await signOut(browser, await forge(idToken))).status).toBe(400);
});

test("a hint for another application is refused", async () => {
  const { browser, idToken } = await signedIn();
  await replaceKeys();

  expect((await signOut(browser, idToken, { client_id: "other" })).status).toBe(400);
});
