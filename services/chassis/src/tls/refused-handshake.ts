import { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { SecurityLog } from "../auth/security-log.ts";

/** The event of a connection whose TLS handshake failed. */
const handshakeRefused = "tls.refused";

/**
 * Records a TLS handshake that failed: what a server's event `tlsClientError` tells. A peer that connects and leaves without a
 * word is not recorded: load balancers and Kubernetes' probes do so to see whether a port is open.
 */
export function recordHandshake(security: SecurityLog | undefined, error: unknown, socket: TLSSocket): void {
  const below = socketBelow(socket);
  const reason = handshakeFailure(error, socket, below?.bytesRead ?? 0);
  if (reason !== undefined) {
    const address = socket.remoteAddress ?? below?.remoteAddress;
    security?.record({ event: handshakeRefused, outcome: "refused", reason, address, repeats: true });
  }
}

/**
 * Returns the TCP socket of a TLS socket, for which Node has no public name. It still knows its peer and what it has read when
 * the TLS socket was closed and knows neither.
 */
function socketBelow(socket: TLSSocket): Socket | undefined {
  const below: unknown = Reflect.get(socket, "_parent");
  return below instanceof Socket ? below : undefined;
}

function handshakeFailure(
  error: unknown,
  { authorizationError }: Pick<TLSSocket, "authorizationError">,
  bytesRead: number,
): string | undefined {
  // Node closes such a connection as if the peer had left.
  const judged = codeOf(authorizationError);
  if (judged !== "") {
    return judged === "CERT_HAS_EXPIRED" ? "CERTIFICATE_EXPIRED" : "CERTIFICATE_NOT_TRUSTED";
  }
  const code = codeOf(error);
  if (code === "" || gone.has(code)) {
    return bytesRead > 0 ? "LEFT_BY_PEER" : undefined;
  }
  return named.get(code) ?? (code.includes("_ALERT_") ? "REFUSED_BY_PEER" : "HANDSHAKE_FAILED");
}

const gone: ReadonlySet<string> = new Set(["ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH"]);

const named: ReadonlyMap<string, string> = new Map([
  ["ERR_SSL_HTTP_REQUEST", "PLAIN_TEXT"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "PLAIN_TEXT"],
  ["ERR_SSL_UNKNOWN_PROTOCOL", "PLAIN_TEXT"],
  ["ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "CERTIFICATE_MISSING"],
  ["ERR_SSL_UNSUPPORTED_PROTOCOL", "PROTOCOL_NOT_SUPPORTED"],
  ["ERR_SSL_VERSION_TOO_LOW", "PROTOCOL_NOT_SUPPORTED"],
  ["ERR_SSL_NO_SHARED_CIPHER", "PROTOCOL_NOT_SUPPORTED"],
  ["ERR_SSL_NO_APPLICATION_PROTOCOL", "PROTOCOL_NOT_SUPPORTED"],
  ["ERR_TLS_HANDSHAKE_TIMEOUT", "TIMEOUT"],
]);

function codeOf(error: unknown): string {
  if (typeof error === "string") {
    return error;
  }
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
