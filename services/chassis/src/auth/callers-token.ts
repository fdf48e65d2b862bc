import { callContext } from "../context.ts";
import type { CallTokens } from "./service-tokens.ts";

/**
 * For a client that acts for the caller: passes on the token of the call that is being served. Without such a call, or
 * if it has no token, none is sent; never this service's own.
 */
export const callersToken: CallTokens = { authorization: () => callContext()?.authorization };
