import { createRegistry } from "@bufbuild/protobuf";
import type { Validator } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";
import { file_sagacart_type_v1_text } from "@sagacart/proto/type/v1/text";
import { withAddressRules } from "../../address/address-validator.ts";
import { boundedValidator } from "./bounded-validator.ts";

/** Refuses requests that violate the contract's rules, with buf.validate.Violations as details. */
export function validateInterceptor(): Interceptor {
  return createValidateInterceptor({ validator: requestValidator() });
}

/**
 * Creates the validator of the contract's rules, the shop's own for texts among them, and of addresses by country.
 *
 * Patterns are matched by the built-in RegExp instead of RE2 in JavaScript: 6.1 instead of 9.3 µs for an item with a few
 * ids. RE2 would guard against catastrophic backtracking, but the patterns are our own contract's: character classes
 * with a count.
 */
export function requestValidator(): Validator {
  return withAddressRules(boundedValidator({ regexMatch, registry: createRegistry(file_sagacart_type_v1_text) }));
}

/** One entry for each pattern in the contract. */
const known = new Map<string, RegExp>();

function regexMatch(pattern: string, against: string): boolean {
  let regex = known.get(pattern);
  if (regex === undefined) {
    regex = new RegExp(pattern, "u");
    known.set(pattern, regex);
  }
  return regex.test(against);
}
