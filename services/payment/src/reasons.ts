import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { webhookReasons } from "@sagacart/provider/reasons";
import type { AccountKey } from "./accounts/account.ts";

/** The reasons of payment's errors. */
export const reasons = defineReasons({
  ACCOUNT_NOT_FOUND: Code.NotFound,
  JOURNAL_ENTRY_NOT_FOUND: Code.NotFound,
  BALANCE_LIMIT: Code.FailedPrecondition,
  PAYMENT_NOT_FOUND: Code.NotFound,
  PAYMENT_DECLINED: Code.FailedPrecondition,
  PAYMENT_VOIDED: Code.FailedPrecondition,
  PAYMENT_DIFFERS: Code.FailedPrecondition,
  PAYMENT_EXISTS: Code.FailedPrecondition,
  PAYMENT_NOT_CAPTURED: Code.FailedPrecondition,
  REFUND_NOT_FOUND: Code.NotFound,
  REFUND_TOO_HIGH: Code.FailedPrecondition,
  REFUND_DIFFERS: Code.FailedPrecondition,
  REFUND_NOT_REFUSED: Code.FailedPrecondition,
  SETTLEMENT_TOO_HIGH: Code.FailedPrecondition,
  DISPUTE_NOT_FOUND: Code.NotFound,
  ...webhookReasons,
});

/** The error for a refund that does not exist, or is another customer's. */
export function refundNotFound(id: string): DomainError {
  return new DomainError(reasons, "REFUND_NOT_FOUND", `there is no refund ${id}`, { refund_id: id });
}

/** The error for a customer without an account in that currency. */
export function accountNotFound({ customerId, currency }: AccountKey): DomainError {
  const message = `customer ${customerId} has no account in ${currency}; create one`;
  return new DomainError(reasons, "ACCOUNT_NOT_FOUND", message, { customer_id: customerId, currency_code: currency });
}
