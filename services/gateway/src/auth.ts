import type { Interceptor } from "@connectrpc/connect";
import { accessRule } from "@sagacart/chassis/auth/access";
import { authError } from "@sagacart/chassis/auth/reasons";
import { bearerToken, type Verifier } from "@sagacart/chassis/auth/verify";
import { toConnectError } from "@sagacart/chassis/errors";
import type { FastifyInstance } from "fastify";
import { domain } from "./reasons.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Anyone may call it: a token that is not good does not matter. */
    open?: boolean;
  }
}

/**
 * Refuses requests of these routes that have no good token, before anything else is done for them. Who may do what is
 * for the services to say, which look at the token again.
 */
export function refuseBadTokens(app: FastifyInstance, verifier: Verifier | undefined): void {
  app.addHook("onRequest", async ({ headers, routeOptions }) => {
    if (routeOptions.config.open !== true) {
      await check(verifier, headers.authorization);
    }
  });
}

/** The same for what comes as Connect, gRPC-Web or gRPC, and is refused in that way. */
export function badTokensRefused(verifier: Verifier | undefined): Interceptor {
  return (next) => async (request) => {
    if (!accessRule(request.method).anyone) {
      await check(verifier, request.header.get("authorization") ?? undefined);
    }
    return await next(request);
  };
}

async function check(verifier: Verifier | undefined, authorization: string | undefined): Promise<void> {
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

/** What a client is to do about a 401 or 403, by RFC 6750; undefined where there is nothing to say. */
export function authenticateHeader(status: number, reason: string, detail: string): string | undefined {
  const saying = (error: string) => `${challenge}, error="${error}", error_description="${asQuoted(detail)}"`;
  if (status === 401) {
    return reason === "TOKEN_EXPIRED" || reason === "TOKEN_INVALID" ? saying("invalid_token") : challenge;
  }
  return status === 403 && reason === "ROLE_REQUIRED" ? saying("insufficient_scope") : undefined;
}

const challenge = 'Bearer realm="sagacart"';

/** What may stand in quotes in a header. */
function asQuoted(text: string): string {
  return text.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, "?");
}
