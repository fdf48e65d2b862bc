import type { Socket } from "node:net";
import { securityHeaders } from "./security-headers.ts";

/** An answer that is written to a connection by hand, since its request was not read to the end. */
export type RawAnswer = {
  readonly status: number;
  readonly title: string;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/**
 * Ends a connection over HTTP/1.1 with an answer, for the event `clientError`: bytes that are not an HTTP request, or not a
 * complete one. Nothing is written to a peer that has left.
 */
export function endWith(socket: Socket, error: { readonly code?: string }, answer: () => RawAnswer): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, title, contentType, body, headers = {} } = answer();
  const all = {
    ...securityHeaders,
    connection: "close",
    "cache-control": "no-store",
    "content-type": contentType,
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${status} ${title}`, ...lines, "", body].join("\r\n"));
  // Drain what the peer still sends, so that it receives the answer, and destroy the socket a little later.
  socket.removeAllListeners("data").resume();
  const cut = setTimeout(() => socket.destroy(), lingerMs);
  cut.unref();
  socket.once("close", () => clearTimeout(cut));
}

const lingerMs = 2_000;
