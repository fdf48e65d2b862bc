import { afterEach, expect, test, vi } from "vitest";
import { createOidc, refreshedTokens, type Tokens } from "./oidc.ts";

const user = { id: "a", name: "ada", roles: ["customer"] };
const former: Tokens = { accessToken: "a1", expiresAtMs: 1, refreshToken: "r1", idToken: "i1", user };

test("an issuer that returns only an access token leaves the rest as it was", () => {
  const nobody = { id: "", name: "", roles: [] };
  const answer = { accessToken: "a2", expiresAtMs: 2, refreshToken: undefined, idToken: undefined, user: nobody };
  expect(refreshedTokens(former, answer)).toEqual({ ...former, accessToken: "a2", expiresAtMs: 2 });
});

test("new tokens and a new name replace the former ones", () => {
  const answer = { ...former, accessToken: "a2", refreshToken: "r2", idToken: "i2", user: { ...user, name: "Ada" } };
  expect(refreshedTokens(former, answer)).toEqual(answer);
});

const issuer = "http://localhost";
const config = { issuer, clientId: "web", simulatedProviders: false };

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Makes one at an issuer whose authorization endpoint ends at this URL with this status, and which knows these prompts. */
function oidcAt(url: string, status: number, prompts?: readonly string[]) {
  const endpoints = { authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token` };
  vi.stubGlobal("location", { origin: issuer });
  vi.stubGlobal("document", { documentElement: { lang: "en" } });
  vi.stubGlobal("fetch", async (asked: URL | string) =>
    String(asked).includes(".well-known")
      ? Response.json({ issuer, ...endpoints, prompt_values_supported: prompts })
      : Object.defineProperty(new Response("", { status }), "url", { value: `${issuer}${url}` }),
  );
  return createOidc(config);
}

test("an issuer that knows nobody says so", async () => {
  expect(await oidcAt("/shop/signed-in?error=login_required", 200).silentSignIn()).toBeUndefined();
});

test.each([
  ["/auth", 503],
  ["/auth", 429],
  ["/shop/signed-in?error=temporarily_unavailable", 200],
])("an issuer that ends at %s with %d does not say that nobody is signed in", async (url, status) => {
  const message = "the issuer cannot answer at the moment";
  await expect(oidcAt(url, status).silentSignIn()).rejects.toMatchObject({ rawMessage: message });
});

test("an issuer that is away while it is asked for newer tokens does not end the session", async () => {
  const message = "the issuer cannot answer at the moment";
  await expect(oidcAt("/token", 502).refresh(former)).rejects.toMatchObject({ rawMessage: message });
});

test.each([
  ["a registration, at an issuer that has a page for it", { register: true }, ["none", "login", "create"], "create"],
  ["a registration, at an issuer that has none", { register: true }, ["none", "login"], null],
  ["a registration, at an issuer that does not say", { register: true }, undefined, null],
  ["a sign-in of just now", { fresh: true }, undefined, "login"],
  ["any sign-in", {}, ["create"], null],
])("%s asks for the right page", async (_what, options, known, prompt) => {
  const left = Promise.withResolvers<URL>();
  vi.stubGlobal("isSecureContext", true);
  vi.stubGlobal("sessionStorage", { setItem: vi.fn() });
  const oidc = oidcAt("/auth", 200, known);
  vi.stubGlobal("location", { origin: issuer, assign: left.resolve });

  void oidc.leaveToSignIn("/shop/orders", options);

  expect((await left.promise).searchParams.get("prompt")).toBe(prompt);
});
