import { type FieldPath, ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, type ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../../proto/gen/google/rpc/error_details_pb.ts";
import type { Reason } from "./reasons.ts";

/**
 * The knowledge about a failed call. `decided`: the shop looked at the request and refused it. `not-done`: it was refused before
 * that, for example because of a token or a limit. `unknown`: an answer was lost, so the request may have been carried out;
 * repeat it with the same idempotency key to find out.
 */
export type Outcome = "decided" | "not-done" | "unknown";

/** A rule of the contract that the request breaks: the field (`lines[0].quantity`), the rule's id, and what it requires. */
export type Violation = { readonly field: string; readonly rule: string; readonly message: string };

/** A failed call. Switch on `reason`: reasons do not change, messages may. */
export class ShopError extends Error {
  override readonly name = "ShopError";
  /** UPPER_SNAKE; the name of the code if the shop gave no reason, for example UNAVAILABLE. */
  readonly reason: Reason;
  /** The service that defines the reason, for example `order.sagacart`; "" if the shop gave none. */
  readonly domain: string;
  readonly code: Code;
  /** The values that the message names. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly Violation[];
  readonly outcome: Outcome;
  /** The key that the request was sent with; "" if its method takes none. */
  readonly idempotencyKey: string;
  /** The shop's id of the request, for its support; "" if no answer came. */
  readonly requestId: string;
  /** How long the shop asks to wait before the next try; undefined if it does not say. */
  readonly retryAfterMs: number | undefined;

  constructor(cause: ConnectError, { outcome, idempotencyKey }: { outcome: Outcome; idempotencyKey: string }) {
    super(cause.rawMessage, { cause });
    const info = cause.findDetails(ErrorInfoSchema)[0];
    this.reason = info?.reason || codeName(cause.code);
    this.domain = info?.domain ?? "";
    this.code = cause.code;
    this.metadata = info?.metadata ?? {};
    this.violations = cause
      .findDetails(ViolationsSchema)
      .flatMap(({ violations }) => violations)
      .map(({ field, ruleId, message }) => ({ field: fieldPath(field), rule: ruleId, message }));
    this.outcome = outcome;
    this.idempotencyKey = idempotencyKey;
    this.requestId = cause.metadata.get("x-request-id") ?? "";
    this.retryAfterMs = retryAfterMsOf(cause);
  }
}

/** Returns true if this is a failed call, with one of these reasons if any are given. */
export function isShopError(error: unknown, ...reasons: readonly Reason[]): error is ShopError {
  return error instanceof ShopError && (reasons.length === 0 || reasons.includes(error.reason));
}

/** Returns the reason of a ConnectError; "" without one. */
export function reasonOf(error: ConnectError): string {
  return error.findDetails(ErrorInfoSchema)[0]?.reason ?? "";
}

/** Returns what is known after this one failure. */
export function outcomeOf(error: ConnectError): Outcome {
  switch (error.code) {
    case Code.Unauthenticated:
    case Code.PermissionDenied:
    case Code.ResourceExhausted:
      return "not-done";
    case Code.Aborted:
      // The transport's word for a connection that was reset. The shop's own has a reason.
      return reasonOf(error) === "" ? "unknown" : "decided";
    case Code.InvalidArgument:
    case Code.NotFound:
    case Code.AlreadyExists:
    case Code.FailedPrecondition:
    case Code.OutOfRange:
    case Code.Unimplemented:
      return "decided";
    default:
      return "unknown";
  }
}

/** Returns the pause that the shop asks for, by google.rpc.RetryInfo or the header Retry-After in seconds. */
export function retryAfterMsOf(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (delay !== undefined) {
    return Number(delay.seconds) * 1000 + Math.ceil(delay.nanos / 1e6);
  }
  const seconds = error.metadata.get("retry-after") ?? "";
  return /^\d{1,9}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}

/** Returns a code's name as in the shop's REST answers: FAILED_PRECONDITION. */
function codeName(code: Code): string {
  return (Code[code] ?? "UNKNOWN").replaceAll(/(?<=[a-z])([A-Z])/g, "_$1").toUpperCase();
}

/** Formats the path to a field by the names that messages have in TypeScript: `shippingAddress.line1`, `lines[2].quantity`. */
function fieldPath(path: FieldPath | undefined): string {
  return (path?.elements ?? [])
    .map(({ fieldName, subscript }) => {
      const name = fieldName.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
      return subscript.case === undefined ? name : `${name}[${JSON.stringify(subscript.value, textOfBigint)}]`;
    })
    .join(".");
}

function textOfBigint(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}
