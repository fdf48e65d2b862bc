import { Code, type ConnectError } from "@connectrpc/connect";
import { errorInfo, toConnectError } from "../errors.ts";
import { authError } from "./reasons.ts";
import type { CallTokens } from "./service-tokens.ts";

/**
 * Turns the refusal of this service's own token into UNAVAILABLE, since our caller is not to blame; the next call uses a
 * new token. All other errors stay as they are.
 */
export function withoutBlame(
  error: ConnectError,
  tokens: CallTokens | undefined,
  authorization: string | undefined,
): ConnectError {
  if (error.code !== Code.Unauthenticated || tokens?.refused === undefined || authorization === undefined) {
    return error;
  }
  // A wrong password or signature is UNAUTHENTICATED too, and the caller's mistake.
  if (!errorInfo(error).reason.startsWith("TOKEN_")) {
    return error;
  }
  tokens.refused(authorization);
  const message = `a service refused this service's own token: ${error.rawMessage}`;
  return toConnectError(authError("OWN_TOKEN_REFUSED", message, {}, error), "auth.sagacart");
}
