import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import rateLimit from "@fastify/rate-limit";
import { accessRule } from "@sagacart/chassis/auth/access";
import { bearerToken, type Verifier } from "@sagacart/chassis/auth/verify";
import { networkOf } from "@sagacart/chassis/client/network";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { EdgeError } from "@sagacart/rest/problem";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Counter } from "prom-client";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Somebody says who they are, or wants to become somebody: counted by address, and less of it allowed. */
    signIn?: boolean;
  }
}

export type Limits = {
  /** How many requests that change something one caller may send a minute. 0: any number. */
  readonly writesPerMinute: number;
  /** How many sign-ins, registrations and resets may come from one address in a minute. 0: any number. */
  readonly signInsPerMinute: number;
};

/**
 * Limits what one caller may send to the routes that this context and those below it have, in each gateway process.
 * Writes are counted by who the token is of, else by address; reads are not counted, nor is what services send one
 * another. What comes too often is TOO_MANY_REQUESTS, 429, with Retry-After.
 */
export async function limitCallers(
  app: FastifyInstance,
  { limits, verifier, metrics }: { limits: Limits; verifier: Verifier | undefined; metrics: Metrics },
): Promise<void> {
  const refused = new Counter({
    name: "http_server_limited_total",
    help: "Requests refused since their caller sent too many, by what was counted.",
    labelNames: ["counted"],
    registers: [metrics],
  });
  const limitOf = (key: string) => (key.startsWith("sign-in ") ? limits.signInsPerMinute : limits.writesPerMinute);
  await app.register(rateLimit, {
    // The last hook before the handler: tokens that are no good were refused by then.
    hook: "preHandler",
    cache: 50_000,
    timeWindow: 60_000,
    keyGenerator: (request) => keyOf(request, verifier),
    allowList: (request, key) => isRead(request) || key === ofAService || limitOf(key) === 0,
    max: (_request, key) => limitOf(key),
    onExceeded: (_request, key) => refused.inc({ counted: key.startsWith("sign-in ") ? "sign-in" : "write" }),
    errorResponseBuilder: (_request, { max, ttl }) =>
      new EdgeError(
        "TOO_MANY_REQUESTS",
        `more than ${max} requests of this kind in a minute; come back in ${Math.ceil(ttl / 1_000)} s`,
      ),
  });
}

export const unlimited: Limits = { writesPerMinute: 0, signInsPerMinute: 0 };

const ofAService = "service";

async function keyOf(request: FastifyRequest, verifier: Verifier | undefined): Promise<string> {
  if (isSignIn(request)) {
    return `sign-in ${networkOf(request.ip)}`;
  }
  const principal = await principalOf(request, verifier);
  if (principal === undefined) {
    return `address ${networkOf(request.ip)}`;
  }
  return principal.roles.has("service") ? ofAService : `subject ${principal.issuer} ${principal.subject}`;
}

/** Who the token is of; undefined where there is none that is good: it may name anybody, and use up what is theirs. */
async function principalOf({ headers }: FastifyRequest, verifier: Verifier | undefined) {
  try {
    const token = bearerToken(headers.authorization);
    return token === undefined ? undefined : await verifier?.verify(token);
  } catch {
    return undefined;
  }
}

function isRead(request: FastifyRequest): boolean {
  switch (request.method) {
    case "OPTIONS":
      return true;
    case "GET":
    case "HEAD":
      // To begin to sign in leaves something in the database, however its path is written.
      return !isOidc(request) || oidcReads.test(request.url);
    default:
      return false;
  }
}

/** The keys, who somebody is, the page to sign in, and the way back from it. */
const oidcReads = /^\/oidc\/(?:(?:jwks|userinfo)|(?:sign-in|auth)\/[\w-]+)(?:\?|$)/;

/** By the route that it came to: a path may be written in many ways (`Sign%49n`), and all of them lead there. */
function isSignIn(request: FastifyRequest): boolean {
  const { config, url = "" } = request.routeOptions;
  return config.signIn === true || isOidc(request) || signInRoutes.has(url);
}

function isOidc({ routeOptions: { url } }: FastifyRequest): boolean {
  return url === "/oidc" || url?.startsWith("/oidc/") === true;
}

/** Whether a call is one with which somebody says who they are, or becomes somebody. */
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
