import type { Verifier } from "@sagacart/chassis/auth/verify";
import { networkOf } from "@sagacart/chassis/client/network";
import { principalOf } from "@sagacart/rest/auth";
import type { FastifyRequest } from "fastify";

/**
 * Returns a name for the caller of a request, for what is counted by caller: the token's subject, else the address. Without
 * a good token it is the address: a forged one must not use up somebody else's limit.
 */
export async function callerOf({ headers, ip }: FastifyRequest, verifier: Verifier | undefined): Promise<string> {
  const principal = await principalOf(verifier, headers.authorization);
  return principal === undefined
    ? `address ${networkOf(addressOf(ip))}`
    : `subject ${principal.issuer} ${principal.subject}`;
}

/** Fastify has no address of a caller whose connection has gone meanwhile, whatever its type says. */
function addressOf(ip: string | undefined): string {
  return ip ?? "";
}
