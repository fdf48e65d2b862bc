import { randomUUID } from "node:crypto";
import type { Clock } from "@sagacart/chassis/time/clock";
import { SignJWT } from "jose";
import type { Keys } from "../keys/keys.ts";
import type { User } from "../users/user.ts";

/** Whom the tokens are for: the shop's services. */
export const audience = "sagacart";

export type AccessToken = { readonly token: string; readonly expireTime: Date };

export type Tokens = {
  /** An access token for the user's session. */
  issue(user: User, sessionId: string): Promise<AccessToken>;
};

/** Access tokens of sign-ins by password; those of OpenID Connect have the same claims. */
export function createTokens(options: { keys: Keys; clock: Clock; issuer: string; lifeMs: number }): Tokens {
  const { keys, clock, issuer, lifeMs } = options;
  return {
    async issue(user, sessionId) {
      const { id: kid, privateKey } = keys.signing();
      const iat = Math.floor(clock.now().getTime() / 1000);
      const exp = iat + Math.ceil(lifeMs / 1000);
      const claims = { ...userClaims(user), client_id: "sagacart", sid: sessionId, jti: randomUUID() };
      const token = await new SignJWT({ iss: issuer, sub: user.id, aud: audience, iat, exp, ...claims })
        .setProtectedHeader({ alg: "ES256", kid, typ: "at+jwt" })
        .sign(privateKey);
      return { token, expireTime: new Date(exp * 1000) };
    },
  };
}

/** What a token says of a user besides who it is. */
export function userClaims({ roles, username, email }: User) {
  return { roles: [...roles], username, email };
}
