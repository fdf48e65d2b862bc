import type { Socket } from "node:net";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { EdgeError, problemOf } from "./problem.ts";

/** Answers bytes that are not an HTTP request, or not a complete one, with a problem. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const requestId = uuidv7();
  const { problem } = problemOf(refusalOf(error.code), requestId);
  const body = JSON.stringify(problem);
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${problem.title}`,
      "Connection: close",
      "Content-Type: application/problem+json; charset=utf-8",
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${requestId}`,
      "",
      body,
    ].join("\r\n"),
  );
}

function refusalOf(code: string | undefined): EdgeError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new EdgeError("HEADERS_TOO_LARGE", "the headers and the path are larger than 16 KiB together");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new EdgeError("REQUEST_TIMEOUT", "the request did not come to its end in time");
    default:
      return new EdgeError("MALFORMED_REQUEST", "this is not HTTP");
  }
}
