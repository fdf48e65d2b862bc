import { createValidator } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";

/**
 * Refuses requests that break the rules of the contract, with buf.validate.Violations.
 *
 * Patterns are matched by the platform's RegExp: of a request with a few ids in each item, RE2 in JavaScript is a
 * third of the cost (9.3 µs an item, against 6.1). RE2 would guard against patterns that backtrack for ever, but
 * the patterns come from our own contract and are classes of characters with a count.
 */
export function validateInterceptor(): Interceptor {
  return createValidateInterceptor({ validator: createValidator({ regexMatch }) });
}

/** As many as there are patterns in the contract. */
const known = new Map<string, RegExp>();

function regexMatch(pattern: string, against: string): boolean {
  let regex = known.get(pattern);
  if (regex === undefined) {
    regex = new RegExp(pattern, "u");
    known.set(pattern, regex);
  }
  return regex.test(against);
}
