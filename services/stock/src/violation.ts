import { create } from "@bufbuild/protobuf";
import { FieldPathElementSchema, ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, ConnectError } from "@connectrpc/connect";

/**
 * A request that breaks a rule which the proto files cannot state, told in the same form as those that they do.
 * `field` is its name in the request.
 */
export function invalid(field: string, ruleId: string, message: string): ConnectError {
  const path = { elements: field.split(".").map((fieldName) => create(FieldPathElementSchema, { fieldName })) };
  return new ConnectError(`${field}: ${message}`, Code.InvalidArgument, undefined, [
    { desc: ViolationsSchema, value: create(ViolationsSchema, { violations: [{ field: path, ruleId, message }] }) },
  ]);
}
