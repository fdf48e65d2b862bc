import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type Shipment as ShipmentMessage,
  ShipmentSchema,
  Shipment_Kind as WireKind,
  Shipment_State as WireState,
} from "@sagacart/proto/shipping/v1/shipment";
import {
  type BatchCreateShipmentsResponse_Outcome,
  BatchCreateShipmentsResponse_OutcomeSchema,
  BatchCreateShipmentsResponse_Refused_Reason as Reason,
} from "@sagacart/proto/shipping/v1/shipping_service";
import type { Outcome } from "./create-shipments.ts";
import { addressOf, type Shipment } from "./shipment.ts";

export function shipmentMessage(shipment: Shipment): ShipmentMessage {
  return create(ShipmentSchema, {
    orderId: shipment.orderId,
    customerId: shipment.customerId,
    kind: shipment.kind === null ? WireKind.UNSPECIFIED : WireKind[shipment.kind],
    state: WireState[shipment.state],
    ...(shipment.address === null ? {} : { address: addressOf(shipment.address) }),
    trackingNumber: shipment.trackingNumber,
    refusalReason: shipment.refusalReason,
    recallRefusal: shipment.recallRefusal,
    createTime: timestampFromDate(shipment.createTime),
    updateTime: timestampFromDate(shipment.updateTime),
  });
}

export function outcomeMessage(orderId: string, outcome: Outcome): BatchCreateShipmentsResponse_Outcome {
  return create(BatchCreateShipmentsResponse_OutcomeSchema, { orderId, outcome: outcomeCase(outcome) });
}

function outcomeCase(
  outcome: Outcome,
): MessageInitShape<typeof BatchCreateShipmentsResponse_OutcomeSchema>["outcome"] & {} {
  switch (outcome.kind) {
    case "accepted":
      return { case: "accepted", value: { trackingNumber: outcome.trackingNumber } };
    case "refused":
      return { case: "refused", value: { reason: Reason.REFUSED, refusalReason: outcome.reason } };
    case "cancelled":
      return { case: "refused", value: { reason: Reason.CANCELLED } };
    case "differs":
      return { case: "refused", value: { reason: Reason.DIFFERS } };
    case "waits":
      return { case: "waits", value: {} };
    default:
      return outcome satisfies never;
  }
}
