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
  const found = findTrailerError(headers) ?? new ConnectError(error.details, Code.Unknown, headers);
  return found.details.length > 0 ? found : withoutAddresses(found, error);
}

/**
 * Replaces the transport's own message, which names the addresses of inner services, since errors are passed on to callers
 * and recorded. Services send details with each error, so one without any is the transport's. Its message is the cause's,
 * for the log.
 */
function withoutAddresses(error: ConnectError, status: StatusObject): ConnectError {
  const message = transportMessages[error.code];
  if (message === undefined) {
    return error;
  }
  return new ConnectError(message, error.code, error.metadata, undefined, new TransportError(status.details));
}

/** The transport's own words about a failed call, with addresses: for the log alone. */
export class TransportError extends Error {
  override readonly name = "TransportError";
}

const transportMessages: Readonly<Partial<Record<Code, string>>> = {
  [Code.Unavailable]: "a service cannot be reached; try again",
  [Code.DeadlineExceeded]: "a service took too long; what became of the call is not known here",
  [Code.Canceled]: "the call was cancelled",
  [Code.Internal]: "the connection to a service failed",
  [Code.Unknown]: "a service gave no answer that can be read",
  [Code.ResourceExhausted]: "a message is larger than a service sends or takes",
};

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
