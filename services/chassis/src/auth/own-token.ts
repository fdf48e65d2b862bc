import { Code, type ConnectError } from "@connectrpc/connect";
import { errorInfo, toConnectError } from "../errors.ts";
import { authError } from "./reasons.ts";
import type { CallTokens } from "./service-tokens.ts";

/**
 * A refusal of a service's own token is no fault of whoever called that service: it becomes
 * UNAVAILABLE, and the next call goes with a new token. All other errors stay as they are.
 */
export function withoutBlame(
  error: ConnectError,
  tokens: CallTokens | undefined,
  authorization: string | undefined,
): ConnectError {
  if (error.code !== Code.Unauthenticated || tokens?.refused === undefined || authorization === undefined) {
    return error;
  }
  // A signature or a password that is wrong is another matter, and the caller's.
  if (!errorInfo(error).reason.startsWith("TOKEN_")) {
    return error;
  }
  tokens.refused(authorization);
  const message = `a service did not take the token of another: ${error.rawMessage}`;
  return toConnectError(authError("OWN_TOKEN_REFUSED", message, {}, error), "auth.sagacart");
}
