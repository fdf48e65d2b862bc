import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type Refund as RefundMessage,
  RefundSchema,
  Refund_Source as WireSource,
  Refund_State as WireState,
} from "@sagacart/proto/payment/v1/payment";
import type { Refund } from "./refund.ts";

export function refundMessage(refund: Refund): RefundMessage {
  return create(RefundSchema, {
    id: refund.id,
    paymentId: refund.paymentId,
    orderId: refund.orderId,
    amount: { currencyCode: refund.currency, minorUnits: refund.amountMinor },
    reason: refund.reason,
    ...(refund.requestedBy === undefined ? {} : { requestedBy: refund.requestedBy }),
    state: WireState[refund.state],
    failureReason: refund.failureReason,
    source: WireSource[refund.source],
    providerRefundId: refund.providerRefundId,
    refusals: refund.refusals,
    asks: refund.asks,
    createTime: timestampFromDate(refund.createTime),
    updateTime: timestampFromDate(refund.updateTime),
  });
}
