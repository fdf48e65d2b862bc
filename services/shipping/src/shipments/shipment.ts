import { equals, fromJson, toJson } from "@bufbuild/protobuf";
import type { NewEvent } from "@sagacart/outbox/events/append";
import { type Address, type AddressJson, AddressSchema } from "@sagacart/proto/type/v1/address";

/** What is to be shipped: an order's goods, to an address or, without one, to be fetched. */
export type Intent = { readonly orderId: string; readonly customerId: string; readonly address?: Address | undefined };

export type Kind = "CARRIER" | "PICKUP";
export type State = "PENDING" | "ACCEPTED" | "REFUSED" | "CANCELLED";

/** A shipment as it is stored. `kind` is null and `customerId` empty where it was cancelled before it came. */
export type Shipment = {
  readonly orderId: string;
  readonly customerId: string;
  readonly kind: Kind | null;
  readonly state: State;
  readonly address: AddressJson | null;
  readonly trackingNumber: string;
  readonly refusalReason: string;
  readonly eventSequence: bigint;
  /** Somebody was told to wait for it. */
  readonly awaited: boolean;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** What a carrier's decision makes of a shipment. */
export type Decision =
  | { readonly kind: "accepted"; readonly trackingNumber: string }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "cancelled" };

/** Whether the shipment is what is asked for again. A tombstone knows no content and differs from nothing. */
export function isSame(shipment: Shipment, intent: Intent): boolean {
  if (shipment.kind === null) {
    return true;
  }
  const { address } = intent;
  return (
    shipment.customerId === intent.customerId &&
    (shipment.address === null || address === undefined
      ? shipment.address === null && address === undefined
      : equals(AddressSchema, addressOf(shipment.address), address))
  );
}

/** The address as it is stored. */
export function addressJson(address: Address): AddressJson {
  return toJson(AddressSchema, address);
}

/** The address that was stored. A newer version may have written more than this one knows. */
export function addressOf(json: AddressJson): Address {
  return fromJson(AddressSchema, json, { ignoreUnknownFields: true });
}

/** A fetched order needs nobody's consent: it is accepted at once. */
export function acceptedPickup({ orderId, customerId }: Intent): NewEvent {
  return {
    subject: orderId,
    sequence: 1,
    type: "sagacart.shipment.accepted.v1",
    data: { orderId, customerId, kind: "PICKUP", state: "ACCEPTED" },
  };
}

/** What there is to tell of a shipment that has just come to its state; its event's sequence is counted already. */
export function settledEvent(shipment: Shipment): NewEvent {
  const { orderId, customerId, kind, state, trackingNumber, refusalReason } = shipment;
  return {
    subject: orderId,
    sequence: shipment.eventSequence,
    type: `sagacart.shipment.${state.toLowerCase()}.v1`,
    data: {
      orderId,
      state,
      ...(customerId === "" ? {} : { customerId }),
      ...(kind === null ? {} : { kind }),
      ...(trackingNumber === "" ? {} : { trackingNumber }),
      ...(refusalReason === "" ? {} : { reason: refusalReason }),
    },
  };
}
