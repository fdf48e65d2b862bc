import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";

/** The error reasons of WebhookService, with their status codes. */
export const reasons = defineReasons({
  /** The endpoint does not exist. */
  WEBHOOK_ENDPOINT_NOT_FOUND: Code.NotFound,
  /** The id of the new endpoint is taken. */
  WEBHOOK_ENDPOINT_EXISTS: Code.AlreadyExists,
  /** The endpoint is disabled. Enable it first. */
  WEBHOOK_ENDPOINT_DISABLED: Code.FailedPrecondition,
  /** There are 200 endpoints. Delete one first. */
  TOO_MANY_WEBHOOK_ENDPOINTS: Code.FailedPrecondition,
  /** The URL is malformed or not https, has a password, or its host has no public address. */
  WEBHOOK_URL_REFUSED: Code.InvalidArgument,
  /** The field cannot be cleared; `path` in the metadata names it. */
  EMPTY_FIELD: Code.InvalidArgument,
  /** The mask names a field that cannot be changed. */
  UNKNOWN_FIELD: Code.InvalidArgument,
  /** The endpoint has changed since it was read. Read it again. */
  ETAG_MISMATCH: Code.Aborted,
  /** The delivery does not exist. */
  WEBHOOK_DELIVERY_NOT_FOUND: Code.NotFound,
  /** The event was delivered and cannot be resent. */
  WEBHOOK_DELIVERED: Code.FailedPrecondition,
});

/** Makes the error for an unknown endpoint. */
export function endpointNotFound(id: string): DomainError {
  return new DomainError(reasons, "WEBHOOK_ENDPOINT_NOT_FOUND", `there is no webhook endpoint ${id}`, {
    endpoint_id: id,
  });
}

/** Makes the error for a disabled endpoint. */
export function endpointDisabled(id: string, why: string): DomainError {
  const message = `webhook endpoint ${id} is disabled (${why}); enable it first`;
  return new DomainError(reasons, "WEBHOOK_ENDPOINT_DISABLED", message, { endpoint_id: id });
}

/** Makes the error for an unknown delivery. */
export function deliveryNotFound(id: string): DomainError {
  return new DomainError(reasons, "WEBHOOK_DELIVERY_NOT_FOUND", `there is no webhook delivery ${id}`, {
    delivery_id: id,
  });
}
