import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { type ClaimRules, type Principal, principalOf } from "./principal.ts";
import { authError } from "./reasons.ts";

export type VerifierOptions = {
  issuer: string;
  /** Where the issuer's keys are. */
  jwksUrl: URL;
  audience: string;
  claims: ClaimRules;
  /** How far the clocks of others may be off. */
  clockToleranceMs?: number;
  /** How long a set of keys is used before it is asked for again. */
  keysMaxAgeMs?: number;
  /** Ask for the keys right away, until they come, so that the issuer may be away when the first token does. */
  keysAtStart?: boolean;
  /** How long at least between two times that the keys are asked for because one is not known. */
  keysCooldownMs?: number;
};

/** Tells who somebody is by their token. */
export type Verifier = {
  /**
   * Who the token is of: at once when it was seen before, else when its signature has been looked at. Throws, or
   * rejects, with TOKEN_INVALID, TOKEN_EXPIRED, or ISSUER_UNAVAILABLE when the keys cannot be had.
   */
  verify(token: string): Principal | Promise<Principal>;
};

/** Asymmetric ones only: nobody who can check a token can make one. Never `none`. */
const algorithms = ["ES256", "EdDSA", "RS256"];
const maxTokenLength = 8 * 1024;
/** About 20 MB with tokens of a kilobyte. */
const maxKnown = 20_000;

/**
 * Verifies tokens against the keys of their issuer. A token that was found good is remembered until it expires, so
 * that the calls after the first cost a look-up. Keys stay good while the issuer is away: only a key that was never
 * seen needs it.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { issuer, audience, clockToleranceMs = 10_000 } = options;
  const keys = issuersKeys(options);
  const known = new Map<string, { principal: Principal; endMs: number }>();
  const underWay = new Map<string, Promise<Principal>>();
  const checks = { issuer, audience, algorithms, clockTolerance: clockToleranceMs / 1000, requiredClaims };

  async function check(token: string): Promise<Principal> {
    const { payload } = await jwtVerify(token, keys, checks).catch((error) => Promise.reject(refusal(error)));
    const principal = principalOf(payload, options.claims);
    if (principal === undefined) {
      throw authError("TOKEN_INVALID", "the token names nobody that could be a customer or a service");
    }
    remember(token, principal, payload);
    return principal;
  }

  function remember(token: string, principal: Principal, { exp = 0 }: JWTPayload): void {
    if (known.size >= maxKnown) {
      // The one that came first, which is about the one that expires first.
      for (const oldest of known.keys()) {
        known.delete(oldest);
        break;
      }
    }
    known.set(token, { principal, endMs: exp * 1000 + clockToleranceMs });
  }

  return {
    verify(token) {
      const found = known.get(token);
      if (found !== undefined) {
        if (Date.now() < found.endMs) {
          return found.principal;
        }
        known.delete(token);
        throw expired();
      }
      if (token.length > maxTokenLength) {
        throw authError("TOKEN_INVALID", `the token is longer than ${maxTokenLength} characters`);
      }
      const started = underWay.get(token);
      if (started !== undefined) {
        return started;
      }
      const checking = check(token).finally(() => underWay.delete(token));
      underWay.set(token, checking);
      return checking;
    },
  };
}

/** The token of `Bearer <token>`; undefined without a header. Throws TOKEN_INVALID for anything else. */
export function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization === "") {
    return undefined;
  }
  const token = /^bearer +([\w.~+/-]+=*)$/i.exec(authorization)?.[1];
  if (token === undefined) {
    throw authError("TOKEN_INVALID", "the authorization header must be: Bearer <token>");
  }
  return token;
}

const requiredClaims = ["iss", "sub", "aud", "exp"];

/** The remote set keeps its keys for good; after a while they are asked for again beside the calls. */
function issuersKeys({
  jwksUrl,
  keysMaxAgeMs = 300_000,
  keysCooldownMs = 5_000,
  keysAtStart = false,
}: VerifierOptions): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(jwksUrl, {
    cooldownDuration: keysCooldownMs,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    timeoutDuration: 3_000,
  });
  const untilTheyCome = () => {
    if (!remote.fresh) {
      remote.reload().catch(() => setTimeout(untilTheyCome, 500).unref());
    }
  };
  if (keysAtStart) {
    untilTheyCome();
  }
  let askedMs = Date.now();
  return (header, token) => {
    if (Date.now() - askedMs > keysMaxAgeMs) {
      askedMs = Date.now();
      // The issuer may be away; the keys that are there serve until it is back.
      remote.reload().catch(() => {});
    }
    return remote(header, token);
  };
}

function expired(cause?: unknown) {
  return authError("TOKEN_EXPIRED", "the token has expired; sign in again or refresh it", {}, cause);
}

/** What jose found wrong with the token, or that it could not look. */
function refusal(error: unknown): Error {
  if (error instanceof errors.JWTExpired) {
    return expired(error);
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim } = error;
    return authError(
      "TOKEN_INVALID",
      `the token's claim ${JSON.stringify(claim)} is not as it must be`,
      { claim },
      error,
    );
  }
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) {
    return authError("TOKEN_INVALID", "the token is not signed by a key of its issuer", {}, error);
  }
  if (faultOfToken.some((kind) => error instanceof kind)) {
    return authError("TOKEN_INVALID", "the token is no token that is taken here", {}, error);
  }
  return authError("ISSUER_UNAVAILABLE", "the keys of the tokens' issuer cannot be had; try again", {}, error);
}

const faultOfToken = [
  errors.JWSInvalid,
  errors.JWTInvalid,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSMultipleMatchingKeys,
];
