import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { ConnectionLimits } from "./connection-limits.ts";

/**
 * Closes a session of HTTP/2 that has no requests, and ends its requests that do not come in or whose answers are not
 * read. Node's own timeouts count every frame, so that a ping a minute keeps a connection for ever, and they end long
 * polls and event streams that are quiet.
 */
export function limitSession(session: ServerHttp2Session, limits: ConnectionLimits): void {
  let open = 0;
  let timer = closeLater(session, limits.idleTimeoutMs);
  session.on("stream", (stream) => {
    clearTimeout(timer);
    open++;
    limitStream(stream, limits);
    stream.once("close", () => {
      open--;
      if (open === 0 && !session.closed) {
        timer = closeLater(session, limits.idleTimeoutMs);
      }
    });
  });
  session.once("close", () => clearTimeout(timer));
}

/** Says goodbye; a peer that does not take it is cut off. */
function closeLater(session: ServerHttp2Session, afterMs: number): NodeJS.Timeout {
  const timer = setTimeout(() => {
    session.close();
    const cut = setTimeout(() => session.destroy(), goodbyeMs);
    cut.unref();
    session.once("close", () => clearTimeout(cut));
  }, afterMs);
  return timer.unref();
}

const goodbyeMs = 5_000;

function limitStream(stream: ServerHttp2Stream, { requestTimeoutMs, stalledAnswerMs }: ConnectionLimits): void {
  const late = setTimeout(() => {
    if (isComingIn(stream)) {
      endLate(stream);
    }
  }, requestTimeoutMs);
  late.unref();
  stream.once("close", () => clearTimeout(late));
  // It comes again after each time without progress, reading and writing, until the stream is closed.
  stream.setTimeout(stalledAnswerMs, () => {
    if (stream.writableLength > 0) {
      stream.close(constants.NGHTTP2_CANCEL);
    } else {
      stream.setTimeout(stalledAnswerMs);
    }
  });
}

function isComingIn({ state: { state }, destroyed }: ServerHttp2Stream): boolean {
  return (
    !destroyed &&
    (state === constants.NGHTTP2_STREAM_STATE_OPEN || state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_LOCAL)
  );
}

function endLate(stream: ServerHttp2Stream): void {
  if (!stream.headersSent) {
    stream.respond({ ":status": 408 }, { endStream: true });
  }
  stream.close(constants.NGHTTP2_NO_ERROR);
}
