import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { decodeIdToken, nextIdToken, pageSize } from "@sagacart/chassis/postgres/page";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import {
  type Dispute as DisputeMessage,
  DisputeSchema,
  Dispute_State as WireState,
} from "@sagacart/proto/payment/v1/payment";
import {
  GetDisputeResponseSchema,
  ListDisputesResponseSchema,
  type PaymentService,
} from "@sagacart/proto/payment/v1/payment_service";
import { lastUuid, uuidPattern } from "../ids.ts";
import { reasons } from "../reasons.ts";
import type { Dispute, DisputeState } from "./dispute.ts";
import { findDispute, listDisputes } from "./dispute-store.ts";

/** The RPCs of PaymentService that are about disputes. */
export type DisputeRpcs = Pick<ServiceImpl<typeof PaymentService>, "getDispute" | "listDisputes">;

/** Implements the RPCs of disputes. */
export function disputeService({ pool }: { pool: Pool }): DisputeRpcs {
  return {
    async getDispute({ id }) {
      const dispute = await findDispute(pool, id);
      if (dispute === undefined) {
        throw new DomainError(reasons, "DISPUTE_NOT_FOUND", `there is no dispute ${id}`, { dispute_id: id });
      }
      return create(GetDisputeResponseSchema, { dispute: disputeMessage(dispute) });
    },
    async listDisputes({ paymentId, orderId, ...request }) {
      const state = stateOf(request.state);
      const list = `disputes of ${paymentId} ${orderId} ${state}`;
      const beforePlace = decodeIdToken(request.pageToken, list, uuidPattern) || lastUuid;
      const limit = pageSize(request.pageSize);
      // A text that is not a UUID is not the id of a payment.
      const isId = paymentId === "" || uuidPattern.test(paymentId);
      const disputes = isId ? await listDisputes(pool, { paymentId, orderId, state, beforePlace, limit }) : [];
      const places = disputes.map(({ place }) => ({ id: place }));
      return create(ListDisputesResponseSchema, {
        disputes: disputes.map(disputeMessage),
        nextPageToken: nextIdToken(places, limit, list),
      });
    },
  };
}

function stateOf(state: WireState): DisputeState | "" {
  switch (state) {
    case WireState.OPEN:
      return "OPEN";
    case WireState.WON:
      return "WON";
    case WireState.LOST:
      return "LOST";
    default:
      return "";
  }
}

function disputeMessage(dispute: Dispute): DisputeMessage {
  return create(DisputeSchema, {
    id: dispute.id,
    paymentId: dispute.paymentId,
    orderId: dispute.orderId,
    customerId: dispute.customerId,
    amount: { currencyCode: dispute.currency, minorUnits: dispute.amountMinor },
    reason: dispute.reason,
    state: WireState[dispute.state],
    createTime: timestampFromDate(dispute.createTime),
    updateTime: timestampFromDate(dispute.updateTime),
  });
}
