import { Code, ConnectError } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import { boundedMessage, boundedMetadata, mostViolations } from "@sagacart/chassis/error-bounds";
import { codeName, errorInfo } from "@sagacart/chassis/errors";
import { shorten } from "@sagacart/chassis/shorten";
import { RetryInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { authenticateHeader } from "./auth.ts";
import { domain, type Reason, reasons } from "./reasons.ts";

/** A part of a request that is wrong: the field, the rule that it breaks, and what the rule requires. */
export type Violation = { readonly field: string; readonly rule: string; readonly message: string };

/** The body of every error: RFC 9457, and `error` for clients of the surfaces. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly Violation[];
  readonly requestId: string;
  readonly error: string;
};

/** An error of this process itself, as opposed to one of a service. */
export class EdgeError extends Error {
  override readonly name = "EdgeError";
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly Violation[];
  readonly headers: Readonly<Record<string, string>>;
  /** The limit that the caller exceeds, for the security log: callers are told by the message. */
  readonly limit: string | undefined;

  constructor(
    reason: Reason,
    message: string,
    more: {
      metadata?: Readonly<Record<string, string>>;
      violations?: readonly Violation[];
      headers?: Readonly<Record<string, string>>;
      limit?: string;
    } = {},
  ) {
    super(message);
    this.reason = reason;
    this.metadata = more.metadata ?? {};
    this.violations = more.violations ?? [];
    this.headers = more.headers ?? {};
    this.limit = more.limit;
  }
}

/** A service's error for an outdated etag, where the caller set the condition by If-Match: 412. */
export class UnmetPrecondition extends Error {
  override readonly name = "UnmetPrecondition";
  override readonly cause: ConnectError;

  constructor(cause: ConnectError) {
    super(cause.message);
    this.cause = cause;
  }
}

/** Makes the error for a request that breaks these rules; its message names each field. */
export function invalidRequest(violations: readonly Violation[]): EdgeError {
  return new EdgeError("INVALID_REQUEST", summary(violations), { violations });
}

export type ProblemAnswer = {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
};

/** Translates an error into a problem. Unknown errors become INTERNAL, without their cause. */
export function problemOf(error: unknown, requestId: string): ProblemAnswer {
  if (error instanceof EdgeError) {
    return ofEdgeError(error, requestId);
  }
  if (error instanceof UnmetPrecondition) {
    const { problem, headers } = ofConnectError(error.cause, requestId);
    return { problem: { ...problem, status: 412 }, headers };
  }
  if (error instanceof ConnectError) {
    return ofConnectError(error, requestId);
  }
  if (isFastifyError(error)) {
    return ofEdgeError(translated(error), requestId);
  }
  return ofEdgeError(new EdgeError("INTERNAL", `internal error, request ${requestId}`), requestId);
}

/** The HTTP status for each gRPC code. */
export const statusOf: Readonly<Record<Code, number>> = {
  [Code.Canceled]: 499,
  [Code.Unknown]: 500,
  [Code.InvalidArgument]: 400,
  [Code.DeadlineExceeded]: 504,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.PermissionDenied]: 403,
  [Code.ResourceExhausted]: 429,
  [Code.FailedPrecondition]: 409,
  [Code.Aborted]: 409,
  [Code.OutOfRange]: 400,
  [Code.Unimplemented]: 501,
  [Code.Internal]: 500,
  [Code.Unavailable]: 503,
  [Code.DataLoss]: 500,
  [Code.Unauthenticated]: 401,
};

function ofEdgeError({ reason, message, metadata, violations, headers }: EdgeError, requestId: string): ProblemAnswer {
  const [status, title] = reasons[reason];
  return {
    problem: problem({ domain, reason, title, status, detail: message, metadata, violations, requestId }),
    headers,
  };
}

function ofConnectError(error: ConnectError, requestId: string): ProblemAnswer {
  const info = errorInfo(error);
  const title = codeName(info.code).toUpperCase();
  const status = info.reason === "REQUEST_ID_REUSED" ? 422 : statusOf[info.code];
  const violations = info.violations.slice(0, mostViolations).map(({ field, ruleId, message }) => ({
    field: jsonPath(field),
    rule: ruleId,
    message,
  }));
  const headers: Record<string, string> = {};
  if (status === 429 || status === 503) {
    headers["retry-after"] = String(retryAfterSeconds(error));
  }
  const authenticate = authenticateHeader(status, info.reason, boundedMessage(error.rawMessage));
  if (authenticate !== undefined) {
    headers["www-authenticate"] = authenticate;
  }
  return {
    problem: problem({
      domain: info.domain === "" ? domain : info.domain,
      reason: info.reason === "" ? title : info.reason,
      title,
      status,
      detail: violations.length > 0 ? summary(violations) : detailOf(error, info.reason, requestId),
      metadata: info.metadata,
      violations,
      requestId,
    }),
    headers,
  };
}

/** Returns a message for the caller. An error without a service's reason has the transport's message, with addresses in it. */
function detailOf(error: ConnectError, reason: string, requestId: string): string {
  if (error.code === Code.Internal || error.code === Code.Unknown || error.code === Code.DataLoss) {
    return `internal error, request ${requestId}`;
  }
  if (reason !== "") {
    return error.rawMessage;
  }
  switch (error.code) {
    case Code.Unavailable:
      return "a service cannot be reached; try again";
    case Code.DeadlineExceeded:
      return "a service took too long; what became of the request is not known here";
    case Code.Canceled:
      return "the request was cancelled";
    default:
      return error.rawMessage;
  }
}

/** Copies an error without what callers must not see: the transport's message, and headers of the process behind. */
export function withoutTransport(error: unknown): ConnectError {
  const from = ConnectError.from(error);
  const { reason } = errorInfo(from);
  const clean = new ConnectError(detailOf(from, reason, callContext()?.requestId ?? ""), from.code);
  clean.details = from.details;
  return clean;
}

function retryAfterSeconds(error: ConnectError): number {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay === undefined ? 1 : Math.max(1, Number(delay.seconds) + Math.ceil(delay.nanos / 1e9));
}

/** Makes a problem, with whatever it repeats from the request shortened. */
function problem({ domain: whose, ...rest }: Omit<Problem, "type" | "error"> & { domain: string }): Problem {
  const detail = boundedMessage(rest.detail);
  return {
    type: `https://sagacart.dev/errors/${whose}/${rest.reason}`,
    ...rest,
    detail,
    metadata: boundedMetadata(rest.metadata),
    violations: rest.violations.slice(0, mostViolations).map(({ field, rule, message }) => ({
      field: shorten(field, mostFieldBytes),
      rule,
      message: boundedMessage(message),
    })),
    error: detail,
  };
}

const mostFieldBytes = 200;

/** Translates a proto's field path to JSON names: `shipping_address.line1` becomes `shippingAddress.line1`. */
function jsonPath(path: string): string {
  return path.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function summary(violations: readonly Violation[]): string {
  const shown = violations.slice(0, 5).map(({ field, message }) => (field === "" ? message : `${field}: ${message}`));
  return violations.length > 5 ? `${shown.join("; ")}; and ${violations.length - 5} more` : shown.join("; ");
}

type FastifyFailure = Error & {
  readonly code?: string;
  readonly statusCode?: number;
  readonly validation?: readonly { instancePath: string; keyword: string; message?: string; params: object }[];
  readonly validationContext?: string;
};

function isFastifyError(error: unknown): error is FastifyFailure {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number";
}

/** Translates the errors that Fastify throws before a handler is reached. */
function translated(error: FastifyFailure): EdgeError {
  if (error.validation !== undefined) {
    return invalidRequest(error.validation.slice(0, mostViolations).map(violationOf));
  }
  switch (error.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new EdgeError("BODY_TOO_LARGE", "the body is larger than what is taken here");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new EdgeError("UNSUPPORTED_MEDIA_TYPE", "content-type: must be application/json");
    case "FST_ERR_CTP_INVALID_JSON_BODY":
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
      return new EdgeError("MALFORMED_JSON", "the body is not JSON");
    case "FST_ERR_MAX_PARAM_LENGTH":
      return new EdgeError("ROUTE_NOT_FOUND", "a part of the path is longer than any id here");
    case "FST_ERR_BAD_URL":
      return new EdgeError("MALFORMED_REQUEST", "the path is not a valid one: a % must begin an escape of UTF-8");
    default:
      return (error.statusCode ?? 500) < 500
        ? new EdgeError("MALFORMED_REQUEST", error.message)
        : new EdgeError("INTERNAL", "internal error");
  }
}

function violationOf({ instancePath, keyword, message, params }: NonNullable<FastifyFailure["validation"]>[number]) {
  const path = instancePath
    .slice(1)
    .replaceAll(/\/(\d+)/g, "[$1]")
    .replaceAll("/", ".");
  const named = "missingProperty" in params ? params.missingProperty : undefined;
  const unknown = "additionalProperty" in params ? params.additionalProperty : undefined;
  const field = [path, String(named ?? unknown ?? "")].filter((part) => part !== "").join(".");
  return { field, rule: keyword, message: unknown === undefined ? (message ?? "is wrong") : "there is no such field" };
}
