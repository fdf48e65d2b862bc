import { Code, ConnectError } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import type { Metadata, StatusObject } from "@grpc/grpc-js";

/** Translates an error of grpc-js to a ConnectError with its details. The signal's reason says why a call was cancelled. */
export function wireError(error: unknown, signal: AbortSignal | undefined): ConnectError {
  if (signal?.aborted === true) {
    const timedOut = signal.reason instanceof Error && signal.reason.name === "TimeoutError";
    return timedOut
      ? new ConnectError(signal.reason.message, Code.DeadlineExceeded, undefined, undefined, signal.reason)
      : ConnectError.from(signal.reason, Code.Canceled);
  }
  if (!isStatus(error)) {
    return ConnectError.from(error, Code.Internal);
  }
  const headers = toHeaders(error.metadata);
  headers.set("grpc-status", String(error.code));
  headers.set("grpc-message", encodeURIComponent(error.details));
  return findTrailerError(headers) ?? new ConnectError(error.details, Code.Unknown, headers);
}

/** Translates Metadata to Headers; binary values are base64, as Connect reads them. */
export function toHeaders(metadata: Metadata | undefined): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(metadata?.getMap() ?? {})) {
    headers.set(name, typeof value === "string" ? value : value.toString("base64"));
  }
  return headers;
}

function isStatus(error: unknown): error is StatusObject {
  return typeof error === "object" && error !== null && "code" in error && "details" in error && "metadata" in error;
}
