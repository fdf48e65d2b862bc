import { equals, fromJson, toJson } from "@bufbuild/protobuf";
import type { NewEvent } from "@sagacart/outbox/events/append";
import { type Address, type AddressJson, AddressSchema } from "@sagacart/proto/type/v1/address";

/** An order's goods to be shipped to an address or, without one, to be picked up. */
export type Intent = { readonly orderId: string; readonly customerId: string; readonly address?: Address | undefined };

export type Kind = "CARRIER" | "PICKUP";
export type State = "PENDING" | "ACCEPTED" | "REFUSED" | "CANCELLED";

/** A shipment as it is stored. A tombstone, cancelled before it was asked for, has no `kind` and no `customerId`. */
export type Shipment = {
  readonly orderId: string;
  readonly customerId: string;
  readonly kind: Kind | null;
  readonly state: State;
  readonly address: AddressJson | null;
  readonly trackingNumber: string;
  readonly refusalReason: string;
  readonly eventSequence: bigint;
  /** Why the carrier does not give it back although it is cancelled. */
  readonly recallRefusal: string;
  /** A caller was told to wait for it, so its settlement records a command. */
  readonly awaited: boolean;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** The carrier's decision about a shipment. */
export type Decision =
  | { readonly kind: "accepted"; readonly trackingNumber: string }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "cancelled" };

/** Returns true if the shipment has the content of the intent. A tombstone has no content, and matches any. */
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

/** Encodes an address to be stored. */
export function addressJson(address: Address): AddressJson {
  return toJson(AddressSchema, address);
}

/** Decodes a stored address. A newer version may have written fields that this one does not know. */
export function addressOf(json: AddressJson): Address {
  return fromJson(AddressSchema, json, { ignoreUnknownFields: true });
}

/** The event of a PICKUP, which is accepted at once. */
export function acceptedPickup({ orderId, customerId }: Intent): NewEvent {
  return {
    subject: orderId,
    sequence: 1,
    type: "sagacart.shipment.accepted.v1",
    data: { orderId, customerId, kind: "PICKUP", state: "ACCEPTED" },
  };
}

/** The event of a shipment that reached its state. The event's sequence is counted already. */
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
