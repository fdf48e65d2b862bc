import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";

/** The error reasons of WebhookService, with their status codes. */
export const reasons = defineReasons({
  WEBHOOK_ENDPOINT_NOT_FOUND: Code.NotFound,
  WEBHOOK_ENDPOINT_EXISTS: Code.AlreadyExists,
  WEBHOOK_ENDPOINT_DISABLED: Code.FailedPrecondition,
  TOO_MANY_WEBHOOK_ENDPOINTS: Code.FailedPrecondition,
  WEBHOOK_URL_REFUSED: Code.InvalidArgument,
  EMPTY_FIELD: Code.InvalidArgument,
  UNKNOWN_FIELD: Code.InvalidArgument,
  ETAG_MISMATCH: Code.Aborted,
  WEBHOOK_DELIVERY_NOT_FOUND: Code.NotFound,
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
