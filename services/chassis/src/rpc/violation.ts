import { create } from "@bufbuild/protobuf";
import { FieldPathElementSchema, ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, ConnectError } from "@connectrpc/connect";
import { isoDecimals } from "../currencies.ts";

/**
 * Returns the error for a request that breaks a rule which the proto files cannot express, in the form in which
 * protovalidate reports its own. `field` is the field's path in the request.
 */
export function invalid(field: string, ruleId: string, message: string): ConnectError {
  const path = { elements: field.split(".").map(elementOf) };
  return new ConnectError(`${field}: ${message}`, Code.InvalidArgument, undefined, [
    { desc: ViolationsSchema, value: create(ViolationsSchema, { violations: [{ field: path, ruleId, message }] }) },
  ]);
}

/**
 * Throws if a new amount or account is in no current currency. Amounts that refer to recorded ones are not checked: a
 * currency may have been withdrawn since, and what was paid in it must still be paid back.
 */
export function checkCurrency(field: string, currencyCode: string): void {
  if (isoDecimals(currencyCode) === undefined) {
    throw invalid(field, "currency", "must be a current currency of ISO 4217, such as EUR");
  }
}

/** Reads `lines[2]`: a field, and an item of it. */
function elementOf(text: string) {
  const [, fieldName = text, index] = /^(.*)\[(\d+)\]$/.exec(text) ?? [];
  return create(FieldPathElementSchema, {
    fieldName,
    ...(index === undefined ? {} : { subscript: { case: "index", value: BigInt(index) } }),
  });
}
