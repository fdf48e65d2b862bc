import { bearerToken, type Verifier } from "@sagacart/chassis/auth/verify";
import { networkOf } from "@sagacart/chassis/client/network";
import type { FastifyRequest } from "fastify";

/** Who sent a request, for what is counted by caller. */
export type Caller = { readonly key: string; readonly isService: boolean };

export type Verify = Verifier["verify"] | undefined;

/**
 * Returns the caller of a request: the token's subject, else the address. Without a good token it is the address: a forged
 * one must not use up somebody else's limit.
 */
export async function callerOf({ headers, ip }: FastifyRequest, verify: Verify): Promise<Caller> {
  const principal = await principalOf(headers.authorization, verify);
  return principal === undefined
    ? { key: `address ${networkOf(ip)}`, isService: false }
    : { key: `subject ${principal.issuer} ${principal.subject}`, isService: principal.roles.has("service") };
}

async function principalOf(authorization: string | undefined, verify: Verify) {
  try {
    const token = bearerToken(authorization);
    return token === undefined ? undefined : await verify?.(token);
  } catch {
    return undefined;
  }
}
