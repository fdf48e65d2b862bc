import { expect, test } from "vitest";
import { refreshedTokens, type Tokens } from "./oidc.ts";

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
