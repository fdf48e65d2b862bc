import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import rateLimit from "@fastify/rate-limit";
import { accessRule } from "@sagacart/chassis/auth/access";
import type { Verifier } from "@sagacart/chassis/auth/verify";
import { networkOf } from "@sagacart/chassis/client/network";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { EdgeError } from "@sagacart/rest/problem";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Counter } from "prom-client";
import { callerOf } from "./caller.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** A sign-in, a registration or a reset: counted by address, with a lower limit. */
    signIn?: boolean;
  }
}

export type Limits = {
  /** The limit of writes of one caller per minute. 0: no limit. */
  readonly writesPerMinute: number;
  /** The limit of sign-ins, registrations and resets from one address per minute. 0: no limit. */
  readonly signInsPerMinute: number;
};

/**
 * Limits the requests of one caller to the routes of this context and of those below it, in each gateway process. Writes are
 * counted by the token's subject, else by address; reads are not counted. Above the limit, the
 * answer is TOO_MANY_REQUESTS (429) with Retry-After.
 */
export async function limitCallers(
  app: FastifyInstance,
  { limits, verifier, metrics }: { limits: Limits; verifier: Verifier | undefined; metrics: Metrics },
): Promise<void> {
  const refused = new Counter({
    name: "http_server_limited_total",
    help: "Requests refused because their caller sent too many, by what was counted.",
    labelNames: ["counted"],
    registers: [metrics],
  });
  const limitOf = (key: string) => (key.startsWith("sign-in ") ? limits.signInsPerMinute : limits.writesPerMinute);
  await app.register(rateLimit, {
    // Before the body is read and checked, so that wrong requests are counted too. On routes of /v1, bad tokens have been
    // refused by then: hooks of a context come before those of a route.
    hook: "onRequest",
    cache: 50_000,
    timeWindow: 60_000,
    keyGenerator: (request) => keyOf(request, verifier),
    allowList: (request, key) => isRead(request) || limitOf(key) === 0,
    max: (_request, key) => limitOf(key),
    onExceeded: (_request, key) => refused.inc({ counted: key.startsWith("sign-in ") ? "sign-in" : "write" }),
    errorResponseBuilder: (request, { max, ttl }) =>
      new EdgeError(
        "TOO_MANY_REQUESTS",
        `more than ${max} requests of this kind in a minute; come back in ${Math.ceil(ttl / 1_000)} s`,
        { limit: isSignIn(request) ? "sign_ins" : "writes" },
      ),
  });
}

export const unlimited: Limits = { writesPerMinute: 0, signInsPerMinute: 0 };

async function keyOf(request: FastifyRequest, verifier: Verifier | undefined): Promise<string> {
  if (isSignIn(request)) {
    return `sign-in ${networkOf(request.ip)}`;
  }
  return await callerOf(request, verifier);
}

function isRead(request: FastifyRequest): boolean {
  switch (request.method) {
    case "OPTIONS":
      return true;
    case "GET":
    case "HEAD":
      // Starting a sign-in writes to the database, however its path is spelled.
      return !isOidc(request) || oidcReads.test(request.url);
    default:
      return false;
  }
}

/** The keys, the user info, the pages of a sign-in, the return from it, and the pages of forms that need none. */
const oidcReads =
  /^\/oidc\/(?:jwks|userinfo|forgot-password|reset-password|auth\/[\w-]+|sign-in\/[\w-]+(?:\/register(?:ed)?)?)(?:\?|$)/;

/** Decides by the route, since a path can be spelled in many ways (`Sign%49n`) that all lead to it. */
function isSignIn(request: FastifyRequest): boolean {
  const { config, url = "" } = request.routeOptions;
  return config.signIn === true || isOidc(request) || signInRoutes.has(url);
}

function isOidc({ routeOptions: { url } }: FastifyRequest): boolean {
  return url === "/oidc" || url?.startsWith("/oidc/") === true;
}

/** Returns true for methods that sign in, register or reset a password. */
export function isSignInMethod(method: (typeof IdentityService.methods)[number]): boolean {
  return (
    method.parent.typeName === IdentityService.typeName &&
    accessRule(method).anyone &&
    method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS
  );
}

const signInRoutes = new Set(
  IdentityService.methods.filter(isSignInMethod).map(({ name }) => `/${IdentityService.typeName}/${name}`),
);
