import { createRemoteJWKSet, customFetch, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { strictFetch } from "../client/fetch.ts";
import { DomainError } from "../errors.ts";
import { type ClaimRules, type Principal, principalOf } from "./principal.ts";
import { authError } from "./reasons.ts";
import type { Revocations } from "./revocations.ts";
import type { SecondFactorRules } from "./second-factor.ts";
import { withOwner } from "./token-owner.ts";

export type VerifierOptions = {
  issuer: string;
  /** The address of the issuer's keys. */
  jwksUrl: URL;
  audience: string;
  claims: ClaimRules;
  /** The tokens that are refused before they expire; none if absent. */
  revocations?: Revocations | undefined;
  /** How long a sign-in counts as fresh; 0 asks for none. */
  freshSignInMs?: number;
  /** The people who need a second factor. */
  secondFactorOf?: SecondFactorRules["secondFactorOf"];
  /** How far other machines' clocks may be off. */
  clockToleranceMs?: number;
  /** How long keys are used before they are fetched again. */
  keysMaxAgeMs?: number;
  /** Fetch the keys at once, retrying until it works, so that the issuer may be down when the first token arrives. */
  keysAtStart?: boolean;
  /** The least time between two fetches for an unknown key. */
  keysCooldownMs?: number;
};

/** Identifies callers by their tokens. */
export type Verifier = {
  /**
   * Returns the token's principal: at once for a token seen before, else a promise, for its signature must be checked.
   * Throws, or rejects, with TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED, or ISSUER_UNAVAILABLE if the keys cannot be fetched
   * or the revocations are not known yet.
   */
  verify(token: string): Principal | Promise<Principal>;
  /** Throws TOKEN_REVOKED if the token of this principal was revoked since it was verified: for calls that last. */
  recheck(principal: Principal): void;
  /** How long a sign-in counts as fresh; 0 asks for none. */
  readonly freshSignInMs: number;
  /** The people who need a second factor. */
  readonly secondFactorOf: SecondFactorRules["secondFactorOf"];
};

/** Asymmetric ones only, so that a service that verifies tokens cannot make them. Never `none`. */
const algorithms = ["ES256", "EdDSA", "RS256"];
const maxTokenLength = 8 * 1024;
/** About 20 MB with tokens of a kilobyte. */
const maxKnown = 20_000;

/**
 * Creates a verifier of tokens by their issuer's keys. A valid token is cached until it expires, so that later calls cost a
 * map look-up. While the issuer is down, the known keys are used: only an unknown key needs it.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { issuer, audience, revocations, clockToleranceMs = 10_000 } = options;
  const keys = issuersKeys(options);
  const known = new Map<string, { principal: Principal; endMs: number }>();
  const underWay = new Map<string, Promise<Principal>>();
  const checks = { issuer, audience, algorithms, clockTolerance: clockToleranceMs / 1000, requiredClaims };

  async function check(token: string): Promise<Principal> {
    const verified = await jwtVerify(token, keys, checks).catch((error: unknown) => {
      const expiredFor = error instanceof errors.JWTExpired ? principalOf(error.payload, options.claims) : undefined;
      throw withOwner(refusal(error), expiredFor);
    });
    const { payload, protectedHeader } = verified;
    const { kid: keyId } = protectedHeader;
    // jose finds the key of a token that names none. It could have been replaced, and nobody would see it.
    if (keyId === undefined && revocations !== undefined) {
      throw authError("TOKEN_INVALID", "the token does not name the key that signed it");
    }
    const named = principalOf(payload, options.claims);
    if (named === undefined) {
      throw authError("TOKEN_INVALID", "the token identifies neither a customer nor a service");
    }
    const principal: Principal = { ...named, keyId };
    remember(token, principal, payload);
    recheck(principal);
    return principal;
  }

  function recheck(principal: Principal): void {
    if (revocations === undefined) {
      return;
    }
    // Services do not sign out: their tokens do not wait for the list.
    if (!revocations.isKnown() && principal.kind !== "service") {
      throw authError("ISSUER_UNAVAILABLE", "it is not known yet which tokens are revoked; try again");
    }
    if (revocations.isRevoked(principal)) {
      throw withOwner(revoked(), principal);
    }
  }

  function remember(token: string, principal: Principal, { exp = 0 }: JWTPayload): void {
    if (known.size >= maxKnown) {
      // The oldest entry, which is about the one that expires first.
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
          recheck(found.principal);
          return found.principal;
        }
        known.delete(token);
        throw withOwner(expired(), found.principal);
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
    recheck,
    freshSignInMs: options.freshSignInMs ?? 300_000,
    secondFactorOf: options.secondFactorOf ?? "nobody",
  };
}

/** Returns the token of `Bearer <token>`; undefined without a header. Throws TOKEN_INVALID for anything else. */
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

/** Caches the issuer's keys without a limit, and fetches them again in the background when they are old. */
function issuersKeys({
  jwksUrl,
  keysMaxAgeMs = 300_000,
  keysCooldownMs = 5_000,
  keysAtStart = false,
  revocations,
}: VerifierOptions): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(jwksUrl, {
    cooldownDuration: keysCooldownMs,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    timeoutDuration: 3_000,
    [customFetch]: strictFetch,
  });
  const fetchUntilLoaded = () => {
    if (!remote.fresh) {
      remote.reload().catch(() => setTimeout(fetchUntilLoaded, 500).unref());
    }
  };
  if (keysAtStart) {
    fetchUntilLoaded();
  }
  let askedMs = Date.now();
  let keyChanges = 0;
  let changedMs = Number.NEGATIVE_INFINITY;
  return async (header, token) => {
    const changes = revocations?.keyChanges() ?? 0;
    if (changes !== keyChanges) {
      // Wait for them, and do not use the known ones if that fails: they may have a key that was replaced, and lack the new one.
      await remote.reload();
      keyChanges = changes;
      changedMs = performance.now();
    }
    // It is not among the keys any more. Its tokens are not wrong, but to be refreshed.
    if (header.kid !== undefined && revocations?.isReplacedKey(header.kid) === true) {
      throw revoked();
    }
    if (Date.now() - askedMs > keysMaxAgeMs) {
      askedMs = Date.now();
      // The issuer may be down; the known keys are used until it is back.
      remote.reload().catch(() => {});
    }
    return await remote(header, token).catch((error: unknown) => {
      // The issuer may have given the former list for a moment, and the next fetch waits for the cooldown.
      if (error instanceof errors.JWKSNoMatchingKey && performance.now() - changedMs < justChangedMs) {
        throw authError("ISSUER_UNAVAILABLE", "the issuer's keys have just changed; try again", {}, error);
      }
      throw error;
    });
  };
}

/** How long an unknown key may be a new one, after the issuer's keys were replaced. */
const justChangedMs = 30_000;

function expired(cause?: unknown) {
  return authError("TOKEN_EXPIRED", "the token has expired; sign in again or refresh it", {}, cause);
}

function revoked() {
  const message =
    "the token is revoked: its session has ended, its user has changed or its key was replaced; refresh it or sign in again";
  return authError("TOKEN_REVOKED", message);
}

/** Translates an error of jose: the token is invalid, or the keys could not be fetched. */
function refusal(error: unknown): Error {
  if (error instanceof DomainError) {
    return error;
  }
  if (error instanceof errors.JWTExpired) {
    return expired(error);
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim } = error;
    return authError("TOKEN_INVALID", `the token's claim ${JSON.stringify(claim)} is not valid here`, { claim }, error);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) {
    return authError("TOKEN_INVALID", "the token is not signed by a key of its issuer", {}, error);
  }
  if (faultOfToken.some((kind) => error instanceof kind)) {
    return authError("TOKEN_INVALID", "the token is not of a kind that is accepted here", {}, error);
  }
  return authError("ISSUER_UNAVAILABLE", "the issuer's keys cannot be fetched; try again", {}, error);
}

const faultOfToken = [
  errors.JWSInvalid,
  errors.JWTInvalid,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSMultipleMatchingKeys,
];
