import { type JsonFields, matching } from "@sagacart/provider/json";
import { readWebhook, type WebhookEvent } from "@sagacart/provider/webhook";
import type { Decision } from "../shipments/shipment.ts";

/** Reads a webhook of the carrier: `shipment.accepted` with a `trackingNumber`, or `shipment.refused` with a `reason`. */
export function readCarrierWebhook(body: Uint8Array): WebhookEvent<Decision> | undefined {
  return readWebhook(body, {
    key: /^[A-Za-z0-9._~-]{1,63}$/,
    types: { "shipment.accepted": readAccepted, "shipment.refused": readRefused },
  });
}

/** Reads the answer that a shipment is accepted; undefined without a valid number. */
export function readAccepted({ trackingNumber }: JsonFields): Decision | undefined {
  const number = matching(trackingNumber, /^[A-Za-z0-9 ._/-]{1,100}$/);
  return number === undefined ? undefined : { kind: "accepted", trackingNumber: number };
}

/** Reads the answer that a shipment is refused; undefined without a valid reason. */
export function readRefused({ reason }: JsonFields): Decision | undefined {
  const word = matching(reason, /^[a-z0-9_]{1,100}$/);
  return word === undefined ? undefined : { kind: "refused", reason: word };
}
