import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { callContext } from "./context.ts";
import { boundedDetails, boundedMessage, boundedMetadata } from "./error-bounds.ts";
import { type DatabaseFailure, databaseFailure } from "./postgres/failure.ts";
import { fieldPath } from "./rpc/field-path.ts";

/** The reasons of a service's errors, and the code of each. */
export type ReasonTable = Readonly<Record<string, Code>>;

/** Defines a table of reasons. Each is UPPER_SNAKE with at most 63 characters, as google.rpc.ErrorInfo requires. */
export function defineReasons<const T extends ReasonTable>(reasons: T): T {
  for (const reason of Object.keys(reasons)) {
    if (!/^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$/.test(reason)) {
      throw new Error(`the reason ${reason} is not UPPER_SNAKE of 3 to 63 characters`);
    }
  }
  return reasons;
}

/**
 * An expected failure, with a reason that programs can switch on. All values in the message are in the metadata too. With
 * RESOURCE_EXHAUSTED, the caller is told to retry after `retryAfterMs`.
 */
export class DomainError<T extends ReasonTable = ReasonTable> extends Error {
  override readonly name = "DomainError";
  readonly reason: string;
  readonly code: Code;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number;

  constructor(
    reasons: T,
    reason: keyof T & string,
    message: string,
    metadata: Readonly<Record<string, string>> = {},
    options: { cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : {});
    this.reason = reason;
    this.code = reasons[reason] ?? Code.Internal;
    this.metadata = metadata;
    this.retryAfterMs = options.retryAfterMs ?? 1000;
  }
}

/**
 * Translates anything thrown to an error on the wire, with a google.rpc.ErrorInfo. An unexpected error becomes INTERNAL and
 * reveals only the request id; its cause belongs into the log. What an error repeats from its request is shortened: gRPC
 * sends errors as trailers, which hold a few kilobytes.
 */
export function toConnectError(error: unknown, domain: string): ConnectError {
  if (error instanceof DomainError) {
    return withInfo(error.code, error.message, { domain, ...error }, error);
  }
  if (error instanceof ConnectError) {
    return passedOn(error, domain);
  }
  const failure = databaseFailure(error);
  if (failure !== undefined) {
    const { code, message } = databaseErrors[failure];
    return withInfo(code, message, { reason: failure, domain, metadata: {} }, error);
  }
  const interrupted = interruption(error);
  if (interrupted !== undefined) {
    return withInfo(interrupted, nameOf(interrupted), { reason: nameOf(interrupted), domain, metadata: {} }, error);
  }
  const requestId = callContext()?.requestId;
  return withInfo(
    Code.Internal,
    requestId === undefined ? "internal error" : `internal error, request ${requestId}`,
    { reason: "INTERNAL", domain, metadata: requestId === undefined ? {} : { request_id: requestId } },
    error,
  );
}

/** The details of an error from the wire, or of a DomainError. */
export type ErrorDetails = {
  readonly code: Code;
  /** UPPER_SNAKE; "" if the error has none. */
  readonly reason: string;
  /** The service that defines the reason, for example `stock.sagacart`; "" if the error has none. */
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly message: string;
  /** The contract's rules that the request violates; empty for other errors. */
  readonly violations: readonly Violation[];
};

/** A violated rule: the field (`lines[0].quantity`), the rule's id, and what it requires. */
export type Violation = { readonly field: string; readonly ruleId: string; readonly message: string };

/** Reads the code, the reason and the violations of an error. Never throws. */
export function errorInfo(error: unknown): ErrorDetails {
  if (error instanceof DomainError) {
    const { code, reason, metadata, message } = error;
    return { code, reason, domain: "", metadata, message, violations: [] };
  }
  const connectError = ConnectError.from(error);
  const info = connectError.findDetails(ErrorInfoSchema)[0];
  return {
    code: connectError.code,
    reason: info?.reason ?? "",
    domain: info?.domain ?? "",
    metadata: info?.metadata ?? {},
    message: connectError.rawMessage,
    violations: connectError
      .findDetails(ViolationsSchema)
      .flatMap((details) => details.violations)
      .map(({ field, ruleId, message }) => ({ field: fieldPath(field), ruleId, message })),
  };
}

const databaseErrors: Record<DatabaseFailure, { code: Code; message: string }> = {
  CONTENTION: { code: Code.Aborted, message: "other calls kept changing the same rows; try again" },
  DATABASE_UNAVAILABLE: { code: Code.Unavailable, message: "the database cannot be reached; try again" },
  DATABASE_TIMEOUT: { code: Code.DeadlineExceeded, message: "the database took too long" },
};

type Info = { reason: string; domain: string; metadata: Readonly<Record<string, string>>; retryAfterMs?: number };

function withInfo(code: Code, message: string, info: Info, cause: unknown): ConnectError {
  const details: ConnectError["details"] = [
    {
      desc: ErrorInfoSchema,
      value: create(ErrorInfoSchema, {
        reason: info.reason,
        domain: info.domain,
        metadata: boundedMetadata(info.metadata),
      }),
    },
  ];
  if (code === Code.ResourceExhausted) {
    const retryDelay = durationFromMs(info.retryAfterMs ?? 1000);
    details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay }) });
  }
  const error = new ConnectError(boundedMessage(message), code, undefined, undefined, cause);
  error.details = details;
  return error;
}

/**
 * Passes a ConnectError on with its code, message and details, including another service's reason. Its metadata is dropped:
 * the other service's headers would be sent as our own.
 */
function passedOn(error: ConnectError, domain: string): ConnectError {
  const hasInfo = error.findDetails(ErrorInfoSchema).length > 0;
  const info = { reason: nameOf(error.code), domain, metadata: {} };
  const passed = withInfo(error.code, error.rawMessage, info, error);
  passed.details = hasInfo ? error.details : [...passed.details, ...error.details];
  passed.details = boundedDetails(passed);
  return passed;
}

function interruption(error: unknown): Code | undefined {
  if (!(error instanceof Error)) {
    return undefined;
  }
  if (error.name === "TimeoutError") {
    return Code.DeadlineExceeded;
  }
  return error.name === "AbortError" ? Code.Canceled : undefined;
}

function nameOf(code: Code): string {
  return codeName(code).toUpperCase();
}

/** Formats a code as Connect does: `failed_precondition`. */
export function codeName(code: Code): string {
  return (Code[code] ?? "Unknown").replace(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}
