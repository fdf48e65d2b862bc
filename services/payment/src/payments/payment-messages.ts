import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type Account as AccountMessage,
  AccountSchema,
  type Posting as PostingMessage,
  PostingSchema,
} from "@sagacart/proto/payment/v1/account";
import {
  type Payment as PaymentMessage,
  PaymentSchema,
  type Refund as RefundMessage,
  RefundSchema,
  Payment_Kind as WireKind,
  Refund_State as WireRefundState,
  Payment_State as WireState,
} from "@sagacart/proto/payment/v1/payment";
import {
  type BatchChargeResponse_Outcome,
  BatchChargeResponse_OutcomeSchema,
  type BatchVoidResponse_Outcome,
  BatchVoidResponse_OutcomeSchema,
  BatchChargeResponse_Refused_Reason as Reason,
} from "@sagacart/proto/payment/v1/payment_service";
import type { Account, Posting } from "../accounts/account.ts";
import type { Refund } from "../refunds/refund.ts";
import type { Outcome } from "./charge.ts";
import type { Payment } from "./payment.ts";
import type { Voided } from "./void.ts";

/** An account as it goes over the wire. */
export function accountMessage(account: Account): AccountMessage {
  return create(AccountSchema, {
    customerId: account.customerId,
    balance: { currencyCode: account.currency, minorUnits: account.balanceMinor },
    createTime: timestampFromDate(account.createTime),
    updateTime: timestampFromDate(account.updateTime),
  });
}

export function postingMessage(posting: Posting, currencyCode: string): PostingMessage {
  return create(PostingSchema, {
    entryId: posting.entryId,
    kind: posting.kind,
    reference: posting.reference,
    amount: { currencyCode, minorUnits: posting.amountMinor },
    createTime: timestampFromDate(posting.createTime),
  });
}

export function paymentMessage(payment: Payment): PaymentMessage {
  const { charge } = payment;
  return create(PaymentSchema, {
    id: payment.id,
    kind: WireKind[payment.kind],
    orderId: payment.orderId,
    attempt: payment.attempt,
    state: WireState[payment.state],
    declineReason: payment.declineReason,
    providerChargeId: payment.providerChargeId,
    createTime: timestampFromDate(payment.createTime),
    updateTime: timestampFromDate(payment.updateTime),
    ...(charge === undefined
      ? {}
      : {
          customerId: charge.customerId,
          amount: { currencyCode: charge.currency, minorUnits: charge.amountMinor },
          paymentMethod: charge.paymentMethod,
          refunded: { currencyCode: charge.currency, minorUnits: payment.refundedMinor },
        }),
  });
}

export function refundMessage(refund: Refund): RefundMessage {
  return create(RefundSchema, {
    id: refund.id,
    paymentId: refund.paymentId,
    orderId: refund.orderId,
    amount: { currencyCode: refund.currency, minorUnits: refund.amountMinor },
    reason: refund.reason,
    state: WireRefundState[refund.state],
    failureReason: refund.failureReason,
    createTime: timestampFromDate(refund.createTime),
    updateTime: timestampFromDate(refund.updateTime),
  });
}

/** An outcome as it goes over the wire. */
export function outcomeMessage(orderId: string, outcome: Outcome): BatchChargeResponse_Outcome {
  return create(BatchChargeResponse_OutcomeSchema, { orderId, outcome: outcomeCase(outcome) });
}

export function voidedMessage(orderId: string, voided: Voided): BatchVoidResponse_Outcome {
  return create(BatchVoidResponse_OutcomeSchema, {
    orderId,
    outcome:
      voided.kind === "voided"
        ? { case: "voided", value: { refunded: voided.refunded } }
        : { case: "waits", value: {} },
  });
}

function outcomeCase(outcome: Outcome): MessageInitShape<typeof BatchChargeResponse_OutcomeSchema>["outcome"] & {} {
  switch (outcome.kind) {
    case "captured":
      return { case: "captured", value: { paymentId: outcome.paymentId } };
    case "waits":
      return { case: "waits", value: { paymentId: outcome.paymentId } };
    case "declined":
      return { case: "refused", value: { reason: Reason.DECLINED, declineReason: outcome.reason } };
    case "voided":
      return { case: "refused", value: { reason: Reason.VOIDED } };
    case "differs":
      return { case: "refused", value: { reason: Reason.DIFFERS } };
    case "exists":
      return { case: "refused", value: { reason: Reason.EXISTS } };
    default:
      return outcome satisfies never;
  }
}
