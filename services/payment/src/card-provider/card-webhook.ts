import { type JsonFields, matching } from "@sagacart/provider/json";
import { readWebhook, type WebhookEvent } from "@sagacart/provider/webhook";
import type { DisputeNews, DisputeState } from "../disputes/dispute.ts";
import type { RefundNews } from "../refunds/refund.ts";
import type { ChargeAnswer } from "./card-provider.ts";

/** The content of a webhook of the card provider about the charge with its key. */
export type CardNews = ChargeAnswer | RefundNews | DisputeNews;

/**
 * Reads a webhook of the card provider:
 *
 * - `charge.captured` with a `chargeId`, `charge.declined` with a `reason`;
 * - `charge.refunded` for each refund, whoever made it, with the provider's `refundId`, `amountMinor` and `currency`. A
 *   refund that the shop asked for has its `refundKey`, the key of that request;
 * - `dispute.opened`, `dispute.won` and `dispute.lost` with `disputeId`, `amountMinor`, `currency` and a `reason`.
 */
export function readCardWebhook(body: Uint8Array): WebhookEvent<CardNews> | undefined {
  return readWebhook<CardNews>(body, {
    key: /^[A-Za-z0-9._~-]{1,100}$/,
    types: {
      "charge.captured": readCaptured,
      "charge.declined": readDeclined,
      "charge.refunded": readRefunded,
      "dispute.opened": (fields) => readDispute(fields, "OPEN"),
      "dispute.won": (fields) => readDispute(fields, "WON"),
      "dispute.lost": (fields) => readDispute(fields, "LOST"),
    },
  });
}

function readRefunded(fields: JsonFields): RefundNews | undefined {
  const refundId = matching(fields.refundId, /^[A-Za-z0-9._~-]{1,100}$/);
  const refundKey = matching(fields.refundKey ?? "", /^[A-Za-z0-9._~-]{0,100}$/);
  const amount = readAmount(fields);
  return refundId === undefined || refundKey === undefined || amount === undefined
    ? undefined
    : { kind: "refunded", refundId, refundKey, ...amount, reason: readReason(fields.reason) ?? "" };
}

function readDispute(fields: JsonFields, state: DisputeState): DisputeNews | undefined {
  const disputeId = matching(fields.disputeId, /^[A-Za-z0-9._~-]{1,100}$/);
  const amount = readAmount(fields);
  return disputeId === undefined || amount === undefined
    ? undefined
    : { kind: "disputed", disputeId, state, ...amount, reason: readReason(fields.reason) ?? "" };
}

/** Reads an amount of more than nothing, in minor units as text, and its currency. */
function readAmount({ amountMinor, currency }: JsonFields): { amountMinor: bigint; currency: string } | undefined {
  const digits = matching(amountMinor, /^[1-9]\d{0,15}$/);
  const code = matching(currency, /^[A-Z]{3}$/);
  return digits === undefined || code === undefined ? undefined : { amountMinor: BigInt(digits), currency: code };
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
