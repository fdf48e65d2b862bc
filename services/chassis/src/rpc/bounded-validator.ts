import type { Message } from "@bufbuild/protobuf";
import { createValidator, ValidationError, type Validator, type ValidatorOptions } from "@bufbuild/protovalidate";
import { mostViolations } from "../error-bounds.ts";

/**
 * Creates a validator of the contract's rules whose work for an invalid message is bounded. It stops at the first
 * violation, which says already that the message is refused, and looks for more, up to mostViolations, only in messages
 * with few values: protovalidate either stops at the first or finds all, and all of half a million took seconds.
 */
export function boundedValidator(options: ValidatorOptions): Validator {
  const first = createValidator({ ...options, failFast: true });
  const all = createValidator({ ...options, failFast: false });
  return {
    validate(schema, message) {
      const result = first.validate(schema, message);
      if (result.kind !== "invalid" || !hasFewValues(message)) {
        return result;
      }
      const complete = all.validate(schema, message);
      if (complete.kind !== "invalid" || complete.violations.length <= mostViolations) {
        return complete;
      }
      const violations = complete.violations.slice(0, mostViolations);
      return { kind: "invalid", message: complete.message, error: new ValidationError(violations), violations };
    },
  };
}

/** A cart with 100 lines has fewer. */
const mostValues = 2_000;

/** Counts the values in a message, and gives up past mostValues. */
export function hasFewValues(message: Message): boolean {
  let left = mostValues;
  const count = (value: unknown): boolean => {
    left--;
    if (left < 0) {
      return false;
    }
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) {
      return true;
    }
    return Array.isArray(value) ? value.every(count) : Object.values(value).every(count);
  };
  return count(message);
}
