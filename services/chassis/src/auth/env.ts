import { durationMs, list, oneOf, optional, type Parser, secret, text, url } from "../process/config.ts";
import type { Log } from "../process/log.ts";
import type { Metrics } from "../process/metrics.ts";
import { type RoleName, roleNames } from "./principal.ts";
import { type FollowedRevocations, followRevocations, type Revocations, readRevocationsAt } from "./revocations.ts";
import type { SecurityLog } from "./security-log.ts";
import { createServiceTokens, type ServiceTokens } from "./service-tokens.ts";
import { createVerifier, type Verifier } from "./verify.ts";

const web = ["http:", "https:"];

/** The variables for verifying callers' tokens. Only AUTH=off turns the checks off. */
export function tokenEnv() {
  return {
    AUTH: oneOf(["on", "off"], "on"),
    /** The issuer of the tokens, exactly as in their claim `iss`. */
    AUTH_ISSUER: unlessOff(url({ protocols: web })),
    /** The address of the issuer's keys. */
    AUTH_JWKS_URL: unlessOff(url({ protocols: web })),
    /** Where identity tells which tokens are revoked. Without it a token is good until it expires. */
    AUTH_REVOCATIONS_URL: optional(url({ protocols: web })),
    /** The audience that tokens must have in their claim `aud`. */
    AUTH_AUDIENCE: text({ default: "sagacart" }),
    /** The claim with the roles; dots make a path into objects, for example `realm_access.roles`. */
    AUTH_ROLES_CLAIM: text({ default: "roles" }),
    /** The issuer's names for our roles: `shop-admin=operator,helpdesk=support`. */
    AUTH_ROLE_MAP: list({ default: [], pattern: /^[^=]+=(customer|support|operator|service)$/ }),
    /** The issuer's names for the clients that are our services: `shop-order=order,shop-worker=worker`. */
    AUTH_SERVICE_MAP: list({ default: [], pattern: /^[^=]+=[a-z][a-z0-9-]*$/ }),
    /** The role of a caller whose token has none: `customer`, or `none`. */
    AUTH_DEFAULT_ROLE: oneOf(["none", "customer"], "none"),
    /** How long a sign-in counts as fresh, for deleting an account and the like. 0 asks for none, for an issuer without `auth_time`. */
    AUTH_FRESH_SIGN_IN_MS: durationMs(300_000),
    /** The people who need a second factor besides the password: `off` nobody, `required` support and operators, `everyone` customers too. To move money, change roles, erase and the like it must have been given just now. */
    AUTH_SECOND_FACTOR: oneOf(["off", "required", "everyone"], "off"),
    /** How to get a customer's id: `subject` with our own issuer, else `derived` from issuer and subject. */
    AUTH_CUSTOMER_IDS: oneOf(["subject", "derived"], "subject"),
  };
}

/** The variables for the own token of a service that calls others. */
export function serviceTokenEnv() {
  return {
    /** The issuer's token endpoint, for the client credentials grant. */
    AUTH_TOKEN_URL: unlessOff(url({ protocols: web })),
    SERVICE_CLIENT_ID: unlessOff(text()),
    SERVICE_CLIENT_SECRET: unlessOff(secret()),
  };
}

type Read<S extends Record<string, (...args: never[]) => unknown>> = { readonly [K in keyof S]: ReturnType<S[K]> };
export type TokenConfig = Read<ReturnType<typeof tokenEnv>>;
export type ServiceTokenConfig = Read<ReturnType<typeof serviceTokenEnv>>;

/** Follows the revocations at the address that the variables name; undefined without one. */
export function revocationsOf(
  config: TokenConfig,
  log: Log,
  metrics?: Metrics,
  security?: Pick<SecurityLog, "controlFailed">,
): FollowedRevocations | undefined {
  const { AUTH_ISSUER: issuer, AUTH_REVOCATIONS_URL: url } = config;
  return issuer === undefined || url === undefined
    ? undefined
    : followRevocations({ read: readRevocationsAt(url), log, metrics, security });
}

const secondFactorOf = { off: "nobody", required: "staff", everyone: "everyone" } as const;

/** Creates the verifier that the variables describe; undefined with AUTH=off, which is logged. */
export function verifierOf(config: TokenConfig, log: Log, revocations?: Revocations): Verifier | undefined {
  if (config.AUTH_ISSUER === undefined || config.AUTH_JWKS_URL === undefined) {
    log.warn("AUTH=off: callers are not authenticated, and everyone who reaches this port may do everything");
    return undefined;
  }
  return createVerifier({
    issuer: config.AUTH_ISSUER,
    jwksUrl: new URL(config.AUTH_JWKS_URL),
    audience: config.AUTH_AUDIENCE,
    keysAtStart: true,
    revocations,
    freshSignInMs: config.AUTH_FRESH_SIGN_IN_MS,
    secondFactorOf: secondFactorOf[config.AUTH_SECOND_FACTOR],
    claims: {
      rolesClaim: config.AUTH_ROLES_CLAIM,
      roleMap: new Map(config.AUTH_ROLE_MAP.map(roleEntry)),
      serviceMap: new Map(config.AUTH_SERVICE_MAP.map(serviceEntry)),
      defaultRole: config.AUTH_DEFAULT_ROLE === "none" ? undefined : config.AUTH_DEFAULT_ROLE,
      customerIds: config.AUTH_CUSTOMER_IDS,
    },
  });
}

/** Creates the source of the service's own tokens; undefined with AUTH=off. */
export function serviceTokensOf(
  config: ServiceTokenConfig & { readonly AUTH_AUDIENCE: string },
  log: Log,
): ServiceTokens | undefined {
  const { AUTH_TOKEN_URL: tokenUrl, SERVICE_CLIENT_ID: clientId, SERVICE_CLIENT_SECRET: clientSecret } = config;
  if (tokenUrl === undefined || clientId === undefined || clientSecret === undefined) {
    return undefined;
  }
  return createServiceTokens({
    tokenUrl: new URL(tokenUrl),
    clientId,
    clientSecret,
    audience: config.AUTH_AUDIENCE,
    log,
    atStart: true,
  });
}

function unlessOff<T>(parser: Parser<T>): Parser<T | undefined> {
  return (value, env) => (env.AUTH === "off" ? undefined : parser(value, env));
}

function serviceEntry(entry: string): [string, string] {
  const [theirs = "", ours = ""] = entry.split("=");
  return [theirs, ours];
}

function roleEntry(entry: string): [string, RoleName] {
  const [theirs = "", ours] = entry.split("=");
  const role = roleNames.find((name) => name === ours);
  if (role === undefined) {
    throw new Error(`${ours} is no role`);
  }
  return [theirs, role];
}
