import { writeSync } from "node:fs";
import type { ServerHttp2Session } from "node:http2";

/**
 * Asks a client to send no more requests on its connection, while those that are on their way are still served: sends a
 * GOAWAY with the highest stream id, the first of the two that RFC 9113 (6.8) advises. session.close() sends the other one,
 * with the id of the last request that was served. Tries again until it is sent or the session closes.
 *
 * Over TLS it sends nothing: there, clients learn from the second GOAWAY which requests were not served.
 */
export function announceGoaway(session: ServerHttp2Session): void {
  if (session.encrypted === true || session.closed || session.destroyed || sendNotice(session)) {
    return;
  }
  const timer = setInterval(() => {
    if (session.closed || session.destroyed || sendNotice(session)) {
      clearInterval(timer);
    }
  }, retryMs);
  timer.unref();
  session.once("close", () => clearInterval(timer));
}

/** Ends a session in good order: announces it, and closes the session a little later. Its requests may take as long as they do. */
export function endGracefully(session: ServerHttp2Session): void {
  announceGoaway(session);
  const close = setTimeout(() => session.close(), session.encrypted === true ? 0 : noticeMs);
  close.unref();
  session.once("close", () => clearTimeout(close));
}

const retryMs = 50;

/** Much longer than a request is on its way. */
const noticeMs = 1_000;

/**
 * Writes the frame to the socket, without Node knowing it. Returns false if that is not possible now.
 *
 * Node cannot send it. Its goaway() makes nghttp2 ignore all later requests, whatever id it is given, so that they would
 * hang; nghttp2_submit_shutdown_notice(), which is for this, is not within reach. Node gives whole frames to its socket. So,
 * while all of them have gone to the kernel, another one can follow.
 */
function sendNotice(session: ServerHttp2Session): boolean {
  // The settings, which must come first, may not have been sent before the peer has acknowledged them.
  if (session.pendingSettingsAck) {
    return false;
  }
  try {
    const fd = writableFd(session);
    if (fd === undefined) {
      return false;
    }
    if (writeSync(fd, notice) < notice.length) {
      session.destroy();
    }
    return true;
  } catch {
    // The socket's buffer is full, or the peer is gone.
    return false;
  }
}

/** Returns the socket's descriptor if nothing waits to be written to it. */
function writableFd(session: ServerHttp2Session): number | undefined {
  const handle: unknown = Reflect.get(session.socket, "_handle");
  if (typeof handle !== "object" || handle === null || Reflect.get(handle, "writeQueueSize") !== 0) {
    return undefined;
  }
  const fd: unknown = Reflect.get(handle, "fd");
  return typeof fd === "number" && fd >= 0 ? fd : undefined;
}

/** The length of 8, the type GOAWAY (7), no flags, stream 0; the highest stream id, and NO_ERROR. */
const notice = Buffer.from("0000080700000000007fffffff00000000", "hex");
