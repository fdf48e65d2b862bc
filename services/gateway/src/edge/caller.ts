import { bearerToken, type Verifier } from "@sagacart/chassis/auth/verify";
import { networkOf } from "@sagacart/chassis/client/network";
import type { FastifyRequest } from "fastify";

export type Verify = Verifier["verify"] | undefined;

/**
 * Returns a name for the caller of a request, for what is counted by caller: the token's subject, else the address. Without
 * a good token it is the address: a forged one must not use up somebody else's limit.
 */
export async function callerOf({ headers, ip }: FastifyRequest, verify: Verify): Promise<string> {
  const principal = await principalOf(headers.authorization, verify);
  return principal === undefined
    ? `address ${networkOf(addressOf(ip))}`
    : `subject ${principal.issuer} ${principal.subject}`;
}

async function principalOf(authorization: string | undefined, verify: Verify) {
  try {
    const token = bearerToken(authorization);
    return token === undefined ? undefined : await verify?.(token);
  } catch {
    return undefined;
  }
}

/** Fastify has no address of a caller whose connection has gone meanwhile, whatever its type says. */
function addressOf(ip: string | undefined): string {
  return ip ?? "";
}
