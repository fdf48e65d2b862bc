import { tracedFetch } from "@sagacart/chassis/trace/fetch";
import { asObject, type JsonFields, matching, parseObject } from "@sagacart/provider/json";
import { finalRefusal } from "@sagacart/provider/refusal";
import type {
  CardProvider,
  ChargeAnswer,
  ChargeReading,
  ProviderRefund,
  RefundAnswer,
  Refusal,
} from "./card-provider.ts";
import { readCaptured, readDeclined, readReason } from "./card-webhook.ts";

/**
 * A card provider over HTTP: `PUT /charges/{key}` charges, `DELETE /charges/{key}` cancels a charge, `GET /charges/{key}`
 * reads it, and `PUT /refunds/{key}` pays back. The answer's `status` is the outcome; an answer without one is final if
 * its HTTP code says so.
 */
export function createHttpCardProvider({ url, apiKey }: { url: string; apiKey: string }): CardProvider {
  async function call<A>(
    method: string,
    path: string,
    { body, signal, read }: { body?: object; signal: AbortSignal; read: Reader<A> },
  ): Promise<A> {
    const route = path.replace(/[^/]+$/, "{key}");
    const response = await tracedFetch(route, new URL(path, url), {
      method,
      signal,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = read(parseObject(await response.text()) ?? {}, response.status);
    if (answer === undefined) {
      throw new Error(
        `the card provider answered ${response.status} to ${method} ${path}, without a status that says what became of it`,
      );
    }
    return answer;
  }
  return {
    charge: (key, { paymentMethod, currency, amountMinor }, signal) =>
      call("PUT", `/charges/${encodeURIComponent(key)}`, {
        body: { paymentMethod, currency, amountMinor: amountMinor.toString() },
        signal,
        read: orRefusal(readCharge),
      }),
    cancel: (key, signal) =>
      call("DELETE", `/charges/${encodeURIComponent(key)}`, { signal, read: orRefusal(readCharge) }),
    refund: (key, { paymentId, currency, amountMinor }, signal) =>
      call("PUT", `/refunds/${encodeURIComponent(key)}`, {
        body: { charge: paymentId, currency, amountMinor: amountMinor.toString() },
        signal,
        read: orRefusal(readRefund),
      }),
    read: (key, signal) => call("GET", `/charges/${encodeURIComponent(key)}`, { signal, read: readReading }),
  };
}

type Reader<A> = (fields: JsonFields, code: number) => A | undefined;

/** Reads an answer, or else that the provider refuses for good. */
function orRefusal<A>(read: Reader<A>): Reader<A | Refusal> {
  return (fields, code) => {
    const answer = read(fields, code);
    const reason = answer === undefined ? finalRefusal(code, fields) : undefined;
    return reason === undefined ? answer : { kind: "refused", reason };
  };
}

function readCharge(fields: JsonFields): ChargeAnswer | undefined {
  switch (fields.status) {
    case "captured":
      return readCaptured(fields);
    case "declined":
      return readDeclined(fields);
    case "pending":
    case "cancelled":
      return { kind: fields.status };
    default:
      return undefined;
  }
}

function readRefund(fields: JsonFields): RefundAnswer | undefined {
  switch (fields.status) {
    case "succeeded":
    case "pending":
      return { kind: fields.status };
    case "refused": {
      const reason = readReason(fields.reason);
      return reason === undefined ? undefined : { kind: "refused", reason };
    }
    default:
      return undefined;
  }
}

function readReading(fields: JsonFields, code: number): ChargeReading | undefined {
  if (fields.status === "unknown" || (fields.status === undefined && (code === 404 || code === 410))) {
    return { kind: "unknown" };
  }
  const answer = readCharge(fields);
  if (answer?.kind !== "captured") {
    return answer;
  }
  const amountMinor = readMinor(fields.amountMinor);
  const leftMinor = readMinor(fields.leftMinor);
  const refunds = Array.isArray(fields.refunds) ? fields.refunds.map(readProviderRefund) : [undefined];
  return amountMinor === undefined || leftMinor === undefined || !refunds.every((refund) => refund !== undefined)
    ? undefined
    : { ...answer, amountMinor, leftMinor, refunds };
}

function readProviderRefund(value: unknown): ProviderRefund | undefined {
  const { id, key, amountMinor, status } = asObject(value) ?? {};
  const refundId = matching(id, /^[A-Za-z0-9._~-]{1,100}$/);
  const ownKey = matching(key, /^[A-Za-z0-9._~-]{0,100}$/);
  const amount = readMinor(amountMinor);
  const kind = status === "succeeded" || status === "pending" ? status : undefined;
  return refundId === undefined || ownKey === undefined || amount === undefined || kind === undefined
    ? undefined
    : { id: refundId, key: ownKey, amountMinor: amount, kind };
}

function readMinor(value: unknown): bigint | undefined {
  const digits = matching(value, /^\d{1,18}$/);
  return digits === undefined ? undefined : BigInt(digits);
}
