import { randomUUID } from "node:crypto";
import { ownClientId } from "@sagacart/chassis/auth/principal";
import type { Clock } from "@sagacart/chassis/time/clock";
import { SignJWT } from "jose";
import type { Keys } from "../keys/keys.ts";
import type { User } from "../users/user.ts";

/** The `aud` claim of access tokens: the shop's services. */
export const audience = "sagacart";

export type AccessToken = { readonly token: string; readonly expireTime: Date };

export type Tokens = {
  /** Issues an access token (RFC 9068) for a session of the user, who proved who they are at this time, in these ways. */
  issue(user: User, session: { id: string; authTime: Date; amr: readonly string[] }): Promise<AccessToken>;
};

/** Issues access tokens for sign-ins by password. Those of OpenID Connect have the same claims. */
export function createTokens(options: { keys: Keys; clock: Clock; issuer: string; lifeMs: number }): Tokens {
  const { keys, clock, issuer, lifeMs } = options;
  return {
    async issue(user, { id: sid, authTime, amr }) {
      const { id: kid, privateKey } = keys.signing();
      const iat = Math.floor(clock.now().getTime() / 1000);
      const exp = iat + Math.ceil(lifeMs / 1000);
      const auth_time = Math.floor(authTime.getTime() / 1000);
      const claims = { ...userClaims(user), client_id: ownClientId, sid, auth_time, amr, jti: randomUUID() };
      const token = await new SignJWT({ iss: issuer, sub: user.id, aud: audience, iat, exp, ...claims })
        .setProtectedHeader({ alg: "ES256", kid, typ: "at+jwt" })
        .sign(privateKey);
      return { token, expireTime: new Date(exp * 1000) };
    },
  };
}

/** Returns the claims about a user besides `sub`. */
export function userClaims({ roles, username, email, isEmailVerified, tokenVersion }: User) {
  return { roles: [...roles], username, email, email_verified: isEmailVerified, token_version: tokenVersion };
}
