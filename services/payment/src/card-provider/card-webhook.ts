import { type JsonFields, matching } from "@sagacart/provider/json";
import { readWebhook, type WebhookEvent } from "@sagacart/provider/webhook";
import type { ChargeAnswer } from "./card-provider.ts";

/** Reads a webhook of the card provider: `charge.captured` with a `chargeId`, or `charge.declined` with a `reason`. */
export function readCardWebhook(body: Uint8Array): WebhookEvent<ChargeAnswer> | undefined {
  return readWebhook(body, {
    key: /^[A-Za-z0-9._~-]{1,100}$/,
    types: { "charge.captured": readCaptured, "charge.declined": readDeclined },
  });
}

/** Reads the answer that a charge is captured; undefined without a valid id. */
export function readCaptured({ chargeId }: JsonFields): ChargeAnswer | undefined {
  const id = matching(chargeId, /^[A-Za-z0-9._~-]{1,100}$/);
  return id === undefined ? undefined : { kind: "captured", chargeId: id };
}

/** Reads the answer that a charge is declined; undefined without a valid reason. */
export function readDeclined({ reason }: JsonFields): ChargeAnswer | undefined {
  const word = readReason(reason);
  return word === undefined ? undefined : { kind: "declined", reason: word };
}

export function readReason(reason: unknown): string | undefined {
  return matching(reason, /^[a-z0-9_]{1,100}$/);
}
