import { create } from "@bufbuild/protobuf";
import { createContractValidator } from "@sagacart/chassis/rpc/contract-validator";
import { PutContactRequestSchema } from "@sagacart/proto/notifier/v1/notifier_service";

/**
 * Returns true for exactly one email address that mail can be sent to, by the contract's rule for contacts: anything more
 * could add a header or a recipient.
 */
export function isMailable(email: string): boolean {
  const contact = create(PutContactRequestSchema, { customerId: "any", email });
  return validator.validate(PutContactRequestSchema, contact).kind === "valid";
}

const validator = createContractValidator();
