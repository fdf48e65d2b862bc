import type { FieldPath } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { shorten } from "../shorten.ts";

/** Formats the path to a field: `lines[2].quantity`, `labels["size"]`; "" for the message as a whole. */
export function fieldPath(path: FieldPath | undefined): string {
  let text = "";
  for (const element of path?.elements ?? []) {
    text += text === "" ? element.fieldName : `.${element.fieldName}`;
    if (element.subscript.case === "stringKey") {
      text += `[${JSON.stringify(shorten(element.subscript.value, maxKeyBytes))}]`;
    } else if (element.subscript.case !== undefined) {
      text += `[${element.subscript.value}]`;
    }
  }
  return text;
}

/** Longer than any key that the contract allows. */
const maxKeyBytes = 64;
