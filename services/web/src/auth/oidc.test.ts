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

/** Makes one at an issuer whose authorization endpoint ends at this URL with this status. */
function oidcAt(url: string, status: number) {
  vi.stubGlobal("location", { origin: issuer });
  vi.stubGlobal("document", { documentElement: { lang: "en" } });
  vi.stubGlobal("fetch", async (asked: URL | string) =>
    String(asked).includes(".well-known")
      ? Response.json({ issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token` })
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
