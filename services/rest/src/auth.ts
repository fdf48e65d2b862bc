import type { Principal } from "@sagacart/chassis/auth/principal";
import { authError } from "@sagacart/chassis/auth/reasons";
import { bearerToken, type Verifier } from "@sagacart/chassis/auth/verify";
import { toConnectError } from "@sagacart/chassis/errors";
import type { FastifyInstance } from "fastify";
import { domain } from "./reasons.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Anyone may call it: a bad token does not matter. */
    open?: boolean;
  }
}

/**
 * Refuses requests to these routes without a good token, before anything else is done for them, and takes larger bodies
 * from those that have one. The services check the token again, and decide who may do what.
 */
export function refuseBadTokens(
  app: FastifyInstance,
  { verifier, bodyLimitBytes }: { verifier: Verifier | undefined; bodyLimitBytes: number },
): void {
  app.addHook("onRoute", (route) => {
    if (route.config?.open !== true) {
      route.bodyLimit ??= bodyLimitBytes;
    }
  });
  app.addHook("onRequest", async ({ headers, routeOptions }) => {
    if (routeOptions.config.open !== true) {
      await checkToken(verifier, headers.authorization);
    }
  });
}

/**
 * Refuses requests with a program's token to all routes, also to those that anyone may call: what is served here is for
 * people, and programs of the shop call the services themselves. So a service's secret opens nothing from outside. Tokens
 * that are not valid are left to the route. Routes of RPCs are left out: they answer in their protocol, by `refuseService`.
 */
export function refuseServiceTokens(app: FastifyInstance, verifier: Verifier | undefined): void {
  app.addHook("onRequest", async ({ headers, routeOptions }) => {
    if (!ofRpc.test(routeOptions.url ?? "")) {
      await refuseService(verifier, headers.authorization);
    }
  });
}

/** The routes of public methods, and the one that says of all other methods that they are not served. */
const ofRpc = /^\/(?:sagacart\.|:service\()/;

/** Rejects with PEOPLE_ONLY if this is a program's token. */
export async function refuseService(verifier: Verifier | undefined, authorization: string | undefined): Promise<void> {
  const principal = await principalOf(verifier, authorization);
  if (principal?.kind === "service") {
    const message = "tokens of services are not accepted here; sign in as a person";
    throw toConnectError(authError("PEOPLE_ONLY", message), domain);
  }
}

/** Returns the token's principal; undefined without a good token. */
export async function principalOf(
  verifier: Verifier | undefined,
  authorization: string | undefined,
): Promise<Principal | undefined> {
  if (verifier === undefined || authorization === undefined) {
    return undefined;
  }
  try {
    const token = bearerToken(authorization);
    return token === undefined ? undefined : await verifier.verify(token);
  } catch {
    return undefined;
  }
}

/** Rejects without a good token, unless tokens are not checked at all (no verifier). */
export async function checkToken(verifier: Verifier | undefined, authorization: string | undefined): Promise<void> {
  try {
    if (verifier !== undefined) {
      const token = bearerToken(authorization);
      if (token === undefined) {
        throw authError("TOKEN_MISSING", "this needs a token: authorization: Bearer <token>");
      }
      await verifier.verify(token);
    }
  } catch (error) {
    throw toConnectError(error, domain);
  }
}

/** Makes the WWW-Authenticate header of a 401 or 403, by RFC 6750; undefined where there is nothing to say. */
export function authenticateHeader(status: number, reason: string, detail: string): string | undefined {
  const saying = (error: string) => `${challenge}, error="${error}", error_description="${asQuoted(detail)}"`;
  if (status === 401) {
    return badTokens.has(reason) ? saying("invalid_token") : challenge;
  }
  if (status === 403 && reason === "SCOPE_REQUIRED") {
    return `${saying("insufficient_scope")}, scope="account"`;
  }
  return status === 403 && reason === "ROLE_REQUIRED" ? saying("insufficient_scope") : undefined;
}

const badTokens: ReadonlySet<string> = new Set(["TOKEN_EXPIRED", "TOKEN_INVALID", "TOKEN_REVOKED"]);

const challenge = 'Bearer realm="sagacart"';

/** Replaces what may not stand in a quoted string of a header. */
function asQuoted(text: string): string {
  return text.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, "?");
}
