import { Code, ConnectError } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import type { Metadata, ServiceError } from "@grpc/grpc-js";

/** An error of grpc-js as a ConnectError with its details. The signal knows better why a call was cancelled. */
export function wireError(error: unknown, signal: AbortSignal | undefined): ConnectError {
  if (signal?.aborted === true) {
    return ConnectError.from(signal.reason, Code.Canceled);
  }
  if (!isServiceError(error)) {
    return ConnectError.from(error, Code.Internal);
  }
  const headers = toHeaders(error.metadata);
  headers.set("grpc-status", String(error.code));
  headers.set("grpc-message", encodeURIComponent(error.details));
  return findTrailerError(headers) ?? new ConnectError(error.details, Code.Unknown, headers, undefined, error);
}

/** Metadata as Headers; binary values are base64, as Connect reads them. */
export function toHeaders(metadata: Metadata | undefined): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(metadata?.getMap() ?? {})) {
    headers.set(name, typeof value === "string" ? value : value.toString("base64"));
  }
  return headers;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "metadata" in error;
}
