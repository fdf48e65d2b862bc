import type { Http2SecureServer, Http2Server, ServerHttp2Session } from "node:http2";
import type { OnRefused } from "./refused.ts";

/** Tells of sessions that ended since their peers broke the protocol of HTTP/2, or flooded it. */
export function tellHostileFrames(server: Http2Server | Http2SecureServer, onRefused: OnRefused): void {
  // A session that has ended has no socket.
  const addresses = new WeakMap<ServerHttp2Session, string | undefined>();
  server.on("session", (session) => addresses.set(session, session.socket.remoteAddress));
  server.on("sessionError", (error: unknown, session: ServerHttp2Session) => {
    const reason = sessionFailure(error);
    if (reason !== undefined) {
      onRefused(reason, addresses.get(session));
    }
  });
}

/**
 * Returns why a session of HTTP/2 was ended, by the error of a server's event `sessionError`: its peer broke the protocol, or
 * flooded it. Undefined if the peer only left, or ended the session itself.
 */
function sessionFailure(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !violations.has(error.code)) {
    return undefined;
  }
  const errno = "errno" in error ? error.errno : undefined;
  return typeof errno === "number" ? (ofNghttp2.get(errno) ?? "PROTOCOL_ERROR") : "PROTOCOL_ERROR";
}

/** Node's codes of what a peer sent that is not HTTP/2, or too much of it. */
const violations: ReadonlySet<unknown> = new Set([
  "ERR_HTTP2_ERROR",
  "ERR_HTTP2_TOO_MANY_INVALID_FRAMES",
  "ERR_HTTP2_MAX_PENDING_SETTINGS_ACK",
]);

/** The errors of nghttp2 that say more. */
const ofNghttp2: ReadonlyMap<number, string> = new Map([
  [-903, "NOT_HTTP2"],
  [-904, "FLOODED"],
]);
