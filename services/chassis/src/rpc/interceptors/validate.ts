import type { Interceptor } from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";
import { createContractValidator } from "../contract-validator.ts";

/** Refuses requests that violate the contract's rules, with buf.validate.Violations as details. */
export function validateInterceptor(): Interceptor {
  return createValidateInterceptor({ validator: createContractValidator() });
}
