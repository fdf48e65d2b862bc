import type { Socket } from "node:net";
import { endWith } from "@sagacart/chassis/connections/raw-answer";
import type { OnRefused } from "@sagacart/chassis/connections/refused";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { EdgeError, problemOf } from "./problem.ts";

/** Answers bytes that are not an HTTP request, or not a complete one, with a problem. */
export function answerClientError(
  error: Error & { code?: string },
  socket: Socket,
  onRefused: OnRefused = () => {},
): void {
  endWith(socket, error, () => {
    const requestId = uuidv7();
    const { problem } = problemOf(refusalOf(error.code), requestId);
    onRefused(problem.reason, socket.remoteAddress);
    return {
      status: problem.status,
      title: problem.title,
      contentType: "application/problem+json; charset=utf-8",
      body: JSON.stringify(problem),
      headers: { "x-request-id": requestId },
    };
  });
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
