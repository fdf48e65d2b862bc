import { callContext } from "../context.ts";
import type { CallTokens } from "./service-tokens.ts";

/**
 * The token of whoever the call is made for, as it came, for a client that acts for that caller. A call made for
 * nobody, or for somebody without a token, has none: never this service's own.
 */
export const callersToken: CallTokens = { authorization: () => callContext()?.authorization };
