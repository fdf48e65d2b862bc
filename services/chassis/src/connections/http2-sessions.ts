import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { announceGoaway, endGracefully } from "./goaway.ts";
import type { ConnectionLimits } from "./limits.ts";
import type { OnRefused } from "./refused.ts";
import { securityHeaders } from "./security-headers.ts";

/** The open sessions of a server. */
export type Http2Sessions = {
  /** Asks all clients to connect anew, and serves on. Those that connect later are asked a little later. */
  announceEnd(): void;
  /** Takes no more requests; each session closes when its last one has been answered. */
  close(): void;
  /** Cuts them off. */
  destroy(): void;
};

/**
 * Tracks the sessions of a server, bounds what each can hold, and ends each at its maximum age (0: none): the caller then
 * reconnects and resolves the name again, and so finds new pods. Ages differ by ±10 %, so that not all callers reconnect at
 * the same time. Streams stay on their connection: a caller would only open an ended one again.
 */
export function trackSessions(
  http2: { on(event: "session", listener: (session: ServerHttp2Session) => void): unknown },
  { maxAgeMs, limits, onRefused }: { maxAgeMs: number; limits: ConnectionLimits; onRefused?: OnRefused | undefined },
): Http2Sessions {
  const sessions = new Set<ServerHttp2Session>();
  let isEnding = false;
  http2.on("session", (session) => {
    sessions.add(session);
    limitSession(session, limits, onRefused);
    const ageMs = maxAgeMs * (0.9 + Math.random() * 0.2);
    const timers = [
      maxAgeMs > 0 ? setTimeout(() => endGracefully(session), ageMs) : undefined,
      isEnding ? setTimeout(() => announceGoaway(session), lateNoticeMs) : undefined,
    ];
    session.once("close", () => {
      timers.forEach(clearTimeout);
      sessions.delete(session);
    });
  });
  return {
    announceEnd() {
      isEnding = true;
      sessions.forEach(announceGoaway);
    },
    close() {
      for (const session of sessions) {
        session.close();
      }
    },
    destroy() {
      for (const session of sessions) {
        session.destroy();
      }
    },
  };
}

/** A client that finds no other server would come back at once, again and again. */
const lateNoticeMs = 1_000;

/**
 * Closes a session of HTTP/2 that never begins or has no requests, and ends its requests that do not come in or whose
 * answers are not read. Node's own timeouts count every frame, so that a ping a minute keeps a connection for ever, and they
 * end long polls and event streams that are quiet.
 *
 * One timer a session looks at its open streams every few seconds. Timers for each stream would cost every call of a
 * service, of which hardly any lives long enough to be looked at.
 */
function limitSession(session: ServerHttp2Session, limits: ConnectionLimits, onRefused: OnRefused = () => {}): void {
  const address = session.socket.remoteAddress;
  const tell = (reason: string) => onRefused(reason, address);
  const open = new Map<ServerHttp2Stream, Watched>();
  const beganMs = performance.now();
  let idleSinceMs = beganMs;
  // A peer that has not sent its settings has not begun: it may have sent half a preface, or nothing.
  let hasBegun = false;
  let cut: NodeJS.Timeout | undefined;
  session.once("remoteSettings", () => {
    hasBegun = true;
  });
  // Node asks the streams to close, but those with an answer to be written or a body to be read stay open.
  session.socket.once("close", () => session.destroy());
  session.on("stream", (stream, headers) => {
    open.set(stream, { sinceMs: performance.now(), headers, isComplete: false, isReadingWatched: false });
    stream.once("close", () => {
      open.delete(stream);
      idleSinceMs = performance.now();
    });
  });
  const timer = setInterval(() => {
    const nowMs = performance.now();
    if (!hasBegun && nowMs - beganMs >= firstBytesTimeoutMs(limits)) {
      tell("REQUEST_TIMEOUT");
      session.destroy();
    } else if (open.size === 0 && nowMs - idleSinceMs >= limits.idleTimeoutMs) {
      clearInterval(timer);
      endGracefully(session);
      // A peer that does not take it is cut off.
      cut = setTimeout(() => open.size === 0 && session.destroy(), cutMs);
      cut.unref();
    }
    for (const [stream, watched] of open) {
      limitStream(stream, watched, { nowMs, limits, tell });
    }
  }, lookEveryMs(limits));
  timer.unref();
  session.once("close", () => {
    clearInterval(timer);
    clearTimeout(cut);
  });
}

const cutMs = 6_000;

/** Returns how long a new connection may take to begin: with its handshake, its preface or its first line. */
export function firstBytesTimeoutMs({ requestTimeoutMs }: ConnectionLimits): number {
  return Math.min(15_000, requestTimeoutMs);
}

/** Often enough to end nothing much later than its time. */
function lookEveryMs({ requestTimeoutMs, idleTimeoutMs, stalledAnswerMs }: ConnectionLimits): number {
  return Math.min(5_000, Math.min(requestTimeoutMs, idleTimeoutMs, stalledAnswerMs) / 4);
}

/** The state of an open stream. */
type Watched = {
  readonly sinceMs: number;
  readonly headers: IncomingHttpHeaders;
  /** True once its request came in completely. */
  isComplete: boolean;
  /** True while Node's timeout watches that its answer is read. */
  isReadingWatched: boolean;
};

function limitStream(
  stream: ServerHttp2Stream,
  watched: Watched,
  { nowMs, limits, tell }: { nowMs: number; limits: ConnectionLimits; tell: (reason: string) => void },
): void {
  const { requestTimeoutMs, stalledAnswerMs } = limits;
  // Over on both sides, or with its connection. Node keeps it until its request is read, which nobody does any more where it
  // was refused half read: it would count as under way for ever, and keep the server from closing.
  if (stream.closed) {
    stream.destroy();
    return;
  }
  if (!watched.isComplete && nowMs - watched.sinceMs >= requestTimeoutMs) {
    if (isComingIn(stream)) {
      tell("REQUEST_TIMEOUT");
      endLate(stream, watched.headers, requestTimeoutMs);
      return;
    }
    watched.isComplete = true;
  }
  if (!watched.isReadingWatched && stream.writableLength > 0) {
    watched.isReadingWatched = true;
    // Comes when nothing was sent for that long.
    stream.setTimeout(stalledAnswerMs, () => {
      if (stream.writableLength > 0) {
        tell("ANSWER_NOT_READ");
        stream.close(constants.NGHTTP2_CANCEL);
      } else {
        stream.setTimeout(0);
        watched.isReadingWatched = false;
      }
    });
  }
}

function isComingIn({ state: { state }, destroyed }: ServerHttp2Stream): boolean {
  return (
    !destroyed &&
    (state === constants.NGHTTP2_STREAM_STATE_OPEN || state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_LOCAL)
  );
}

function endLate(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, requestTimeoutMs: number): void {
  if (!stream.headersSent) {
    stream.respond(lateAnswer(headers, requestTimeoutMs), { endStream: true });
  }
  stream.close(constants.NGHTTP2_NO_ERROR);
}

function lateAnswer({ "content-type": type = "" }: IncomingHttpHeaders, timeoutMs: number): OutgoingHttpHeaders {
  if (!/^application\/grpc(\+|;|$)/.test(type)) {
    return { ":status": 408, ...securityHeaders };
  }
  const message = `the request did not come in completely within ${timeoutMs} ms`;
  // DEADLINE_EXCEEDED, as one frame of headers.
  return { ":status": 200, ...securityHeaders, "content-type": type, "grpc-status": "4", "grpc-message": message };
}
