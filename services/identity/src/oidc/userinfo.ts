import type { IncomingMessage, ServerResponse } from "node:http";
import { type Principal, principalOf } from "@sagacart/chassis/auth/principal";
import type { Revocations } from "@sagacart/chassis/auth/revocations";
import { type SecurityLog, tokenRefused } from "@sagacart/chassis/auth/security-log";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { createLocalJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { Keys } from "../keys/keys.ts";
import { audience } from "../sessions/tokens.ts";
import { findUser } from "../users/user-store.ts";
import { findGrantedScopes, isGrantSession } from "./entry-store.ts";
import { claimsFor, knownScopes } from "./scopes.ts";

/**
 * Serves the user that an access token belongs to: to an application, what the scopes of its sign-in cover. oidc-provider's
 * own endpoint refuses tokens with an audience, which all of ours have.
 */
export function userinfo({
  pool,
  security,
  ...verifying
}: Verifying & { pool: Pool; security?: SecurityLog | undefined }) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const token = /^bearer +([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? "")?.[1];
    const principal = token === undefined ? undefined : await verified(token, verifying);
    const user = principal === undefined ? undefined : await findUser(pool, principal.subject);
    response.setHeader("cache-control", "no-store");
    if (principal === undefined || user === undefined) {
      const reason = token === undefined ? "TOKEN_MISSING" : "TOKEN_INVALID";
      const object = { kind: "method", id: "/oidc/userinfo" };
      security?.record({ event: tokenRefused, object, outcome: "refused", reason, repeats: true });
      const challenge = token === undefined ? "Bearer" : 'Bearer error="invalid_token"';
      response.writeHead(401, { "www-authenticate": challenge, "content-type": "application/json" });
      response.end(
        JSON.stringify({
          error: "invalid_token",
          error_description: "the token is missing or not valid, or its user does not exist",
        }),
      );
      return;
    }
    const { sessionId } = principal;
    const scopes =
      sessionId !== undefined && isGrantSession(sessionId)
        ? await findGrantedScopes(pool, user.id, sessionId)
        : new Set(knownScopes);
    const claims = claimsFor(scopes, {
      preferred_username: user.username,
      updated_at: Math.floor(user.updateTime.getTime() / 1000),
      email: user.email,
      email_verified: user.isEmailVerified,
      ...(user.phone === "" ? {} : { phone_number: user.phone }),
      roles: user.roles,
    });
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ sub: user.id, ...claims }));
  };
}

type Verifying = { keys: Keys; issuer: string; revocations: Revocations };

async function verified(token: string, { keys, issuer, revocations }: Verifying): Promise<Principal | undefined> {
  const jwks: JWTVerifyGetKey = async (header, given) => {
    if (!keys.published().some(({ id }) => id === header.kid)) {
      // Another replica may have made it just now.
      await keys.refresh();
    }
    return await createLocalJWKSet({ keys: keys.published().map(({ publicJwk }) => publicJwk) })(header, given);
  };
  try {
    const { payload, protectedHeader } = await jwtVerify(token, jwks, {
      issuer,
      audience,
      algorithms: ["ES256"],
      typ: "at+jwt",
    });
    const principal = principalOf(payload, { rolesClaim: "roles", roleMap: new Map(), customerIds: "subject" });
    const { kid: keyId } = protectedHeader;
    // Without its name, a replaced key would not be seen: see createVerifier.
    const isGood = principal !== undefined && keyId !== undefined && !revocations.isRevoked({ ...principal, keyId });
    return isGood ? principal : undefined;
  } catch (error) {
    if (error instanceof errors.JOSEError) {
      return undefined;
    }
    throw error;
  }
}
