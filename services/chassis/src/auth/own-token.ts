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
  if (!codes.has(error.code) || tokens?.refused === undefined || authorization === undefined) {
    return error;
  }
  const { reason } = errorInfo(error);
  // A wrong password or signature is UNAUTHENTICATED too, and the caller's mistake.
  const isOfToken = error.code === Code.Unauthenticated && reason.startsWith("TOKEN_");
  // Only a release whose contract differs refuses a service: while the release is being changed, for example.
  if (!isOfToken && reason !== "SERVICE_NOT_ALLOWED") {
    return error;
  }
  if (isOfToken) {
    tokens.refused(authorization);
  }
  const message = `a service refused this service's own token: ${error.rawMessage}`;
  return toConnectError(authError("OWN_TOKEN_REFUSED", message, {}, error), "auth.sagacart");
}

const codes: ReadonlySet<Code> = new Set([Code.Unauthenticated, Code.PermissionDenied]);
