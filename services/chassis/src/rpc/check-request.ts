import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { violationsToProto } from "@bufbuild/protovalidate";
import { Code, ConnectError } from "@connectrpc/connect";
import { createContractValidator } from "./contract-validator.ts";
import { refuseNul } from "./interceptors/nul.ts";

const validator = createContractValidator();

/**
 * Checks a request that did not come as an RPC, for example one that a form makes, by the rules that it must keep as one. Throws
 * INVALID_ARGUMENT, with the violations, as the interceptors do.
 */
export function checkRequest<T extends DescMessage>(schema: T, request: MessageShape<T>): void {
  refuseNul(schema, request);
  const result = validator.validate(schema, request);
  if (result.kind === "error") {
    throw result.error;
  }
  if (result.kind === "invalid") {
    const [value, desc] = violationsToProto(result.violations);
    throw new ConnectError(result.error.message, Code.InvalidArgument, undefined, [{ desc, value }], result.error);
  }
}
