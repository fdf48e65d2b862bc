import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type Payment as PaymentMessage,
  PaymentSchema,
  Payment_Kind as WireKind,
  Payment_State as WireState,
} from "@sagacart/proto/payment/v1/payment";
import {
  type BatchChargeResponse_Outcome,
  BatchChargeResponse_OutcomeSchema,
  type BatchVoidResponse_Outcome,
  BatchVoidResponse_OutcomeSchema,
  BatchChargeResponse_Refused_Reason as Reason,
} from "@sagacart/proto/payment/v1/payment_service";
import type { PayBackSchema } from "@sagacart/proto/type/v1/pay_back";
import type { PaidBack } from "../refunds/refund.ts";
import type { Outcome } from "./charge.ts";
import type { Payment } from "./payment.ts";
import type { Voided } from "./void.ts";

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
    asks: payment.asks,
    ...(payment.createdBy === undefined ? {} : { createdBy: payment.createdBy }),
    createTime: timestampFromDate(payment.createTime),
    updateTime: timestampFromDate(payment.updateTime),
    ...(charge === undefined
      ? {}
      : {
          customerId: charge.customerId,
          amount: { currencyCode: charge.currency, minorUnits: charge.amountMinor },
          paymentMethod: charge.paymentMethod,
          refunded: { currencyCode: charge.currency, minorUnits: payment.refundedMinor },
          disputed: { currencyCode: charge.currency, minorUnits: payment.disputedMinor },
        }),
  });
}

export function outcomeMessage(orderId: string, outcome: Outcome): BatchChargeResponse_Outcome {
  return create(BatchChargeResponse_OutcomeSchema, { orderId, outcome: outcomeCase(outcome) });
}

export function voidedMessage(orderId: string, voided: Voided): BatchVoidResponse_Outcome {
  return create(BatchVoidResponse_OutcomeSchema, { orderId, outcome: voidedCase(voided) });
}

function voidedCase(voided: Voided): MessageInitShape<typeof BatchVoidResponse_OutcomeSchema>["outcome"] & {} {
  switch (voided.kind) {
    case "voided":
      return { case: "voided", value: { refunded: voided.refunded, payBack: payBackOf(voided.payBack) } };
    case "waits":
      return { case: "waits", value: {} };
    case "refused": {
      const { reason, currency: currencyCode, amountMinor: minorUnits } = voided;
      return { case: "refused", value: { reason, amount: { currencyCode, minorUnits } } };
    }
    default:
      return voided satisfies never;
  }
}

function payBackOf({
  currency: currencyCode,
  paidBackMinor,
  settledMinor,
}: PaidBack): MessageInitShape<typeof PayBackSchema> {
  const amountOf = (minorUnits: bigint) => ({ currencyCode, minorUnits });
  return {
    ...(paidBackMinor > 0n ? { paidBack: amountOf(paidBackMinor) } : {}),
    ...(settledMinor > 0n ? { settledOtherwise: amountOf(settledMinor) } : {}),
  };
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
