import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { currentActor } from "@sagacart/chassis/auth/actor";
import { decodeIdToken, nextIdToken, pageSize } from "@sagacart/chassis/postgres/page";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf } from "@sagacart/chassis/postgres/request-ids";
import {
  GetRefundResponseSchema,
  ListRefundsResponseSchema,
  type PaymentService,
  RefundPaymentRequestSchema,
  RefundPaymentResponseSchema,
  RetryRefundResponseSchema,
  SettleRefundRequestSchema,
  SettleRefundResponseSchema,
} from "@sagacart/proto/payment/v1/payment_service";
import { lastUuid, uuidPattern } from "../ids.ts";
import { refundNotFound } from "../reasons.ts";
import { refundMessage } from "./refund-messages.ts";
import type { RefundPayment } from "./refund-payment.ts";
import { findRefunds, listRefunds } from "./refund-store.ts";
import type { RetryRefund } from "./retry-refund.ts";
import type { SettleByHand } from "./settle-by-hand.ts";

/** The RPCs of PaymentService that are about refunds. */
export type RefundRpcs = Pick<
  ServiceImpl<typeof PaymentService>,
  "refundPayment" | "getRefund" | "listRefunds" | "retryRefund" | "settleRefund"
>;

export type RefundServiceOptions = {
  pool: Pool;
  refundPayment: RefundPayment;
  retryRefund: RetryRefund;
  settleByHand: SettleByHand;
};

/** Implements the RPCs of refunds. */
export function refundService({ pool, refundPayment, retryRefund, settleByHand }: RefundServiceOptions): RefundRpcs {
  return {
    async refundPayment(request) {
      // Workers of the release before repeat a request without at_most.
      const without = ["request_id", "refund_id", "at_most"];
      const fingerprint = fingerprintOf(RefundPaymentRequestSchema, request, { without });
      const requestFingerprint = fingerprintOf(RefundPaymentRequestSchema, request, { without: ["request_id"] });
      const { amount } = request;
      const actor = currentActor();
      const refund = await refundPayment({ ...request, amount, fingerprint, requestFingerprint, actor });
      return create(RefundPaymentResponseSchema, { refund: refundMessage(refund) });
    },
    async getRefund({ id, customerId }) {
      const refund = (await findRefunds(pool, [id])).get(id);
      if (refund === undefined || (customerId !== "" && refund.customerId !== customerId)) {
        throw refundNotFound(id);
      }
      return create(GetRefundResponseSchema, { refund: refundMessage(refund) });
    },
    async retryRefund({ id }) {
      return create(RetryRefundResponseSchema, { refund: refundMessage(await retryRefund(id)) });
    },
    async settleRefund(request) {
      const { id: refundId, amount, reason, requestId } = request;
      const fingerprint = fingerprintOf(SettleRefundRequestSchema, request, { without: ["request_id"] });
      const refund = await settleByHand({ refundId, amount, reason, requestId, actor: currentActor(), fingerprint });
      return create(SettleRefundResponseSchema, { refund: refundMessage(refund) });
    },
    async listRefunds({ paymentId, orderId, customerId, ...request }) {
      const list = `refunds of ${paymentId} ${orderId} ${customerId}`;
      const beforePlace = decodeIdToken(request.pageToken, list, uuidPattern) || lastUuid;
      const limit = pageSize(request.pageSize);
      // A text that is not a UUID is not the id of a payment.
      const isId = paymentId === "" || uuidPattern.test(paymentId);
      const refunds = isId ? await listRefunds(pool, { paymentId, orderId, customerId, beforePlace, limit }) : [];
      const places = refunds.map(({ place }) => ({ id: place }));
      return create(ListRefundsResponseSchema, {
        refunds: refunds.map(refundMessage),
        nextPageToken: nextIdToken(places, limit, list),
      });
    },
  };
}
