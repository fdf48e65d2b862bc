import { type FieldPath, ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";

/** A failed call, as the services describe it. */
export type Failure = {
  /** A reason of docs/errors.md; "" if the failure has none, for example because nothing answered. */
  readonly reason: string;
  readonly code: Code;
  /** The service's own sentence, in English. */
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields that break a rule, by their path in the request. */
  readonly violations: readonly { readonly field: string; readonly description: string }[];
};

/** Reads what a call failed with, from whatever was thrown. */
export function failureOf(error: unknown): Failure {
  const failure = ConnectError.from(error);
  const [info] = failure.findDetails(ErrorInfoSchema);
  return {
    reason: info?.reason ?? "",
    code: codeOf(error, failure),
    message: failure.rawMessage,
    metadata: info?.metadata ?? {},
    violations: failure
      .findDetails(ViolationsSchema)
      .flatMap(({ violations }) =>
        violations.map(({ field, message }) => ({ field: pathOf(field), description: message })),
      ),
  };
}

/** Returns true if the same call may succeed later: nothing was wrong with it. */
export function isTransient({ code }: Failure): boolean {
  return code === Code.Unavailable || code === Code.DeadlineExceeded;
}

/** Returns the code, with one of their own for failures of the network, to which Connect gives that of any other error. */
function codeOf(error: unknown, { code, cause }: ConnectError): Code {
  if (error instanceof Error && error.name === "TimeoutError") {
    return Code.DeadlineExceeded;
  }
  // Fetch's error for a server that cannot be reached.
  return code === Code.Unknown && cause instanceof TypeError ? Code.Unavailable : code;
}

/** Writes a path as `lines[2].quantity`. */
function pathOf(path: FieldPath | undefined): string {
  return (path?.elements ?? [])
    .map(({ fieldName, subscript }) => (subscript.case === undefined ? fieldName : `${fieldName}[${subscript.value}]`))
    .join(".");
}
