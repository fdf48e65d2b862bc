import { create } from "@bufbuild/protobuf";
import { FieldPathElementSchema, ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, ConnectError } from "@connectrpc/connect";

/**
 * Returns the error for a request that breaks a rule which the proto files cannot express, in the form in which
 * protovalidate reports its own. `field` is the field's path in the request.
 */
export function invalid(field: string, ruleId: string, message: string): ConnectError {
  const path = { elements: field.split(".").map((fieldName) => create(FieldPathElementSchema, { fieldName })) };
  return new ConnectError(`${field}: ${message}`, Code.InvalidArgument, undefined, [
    { desc: ViolationsSchema, value: create(ViolationsSchema, { violations: [{ field: path, ruleId, message }] }) },
  ]);
}
