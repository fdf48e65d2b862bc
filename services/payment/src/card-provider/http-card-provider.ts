import { tracedFetch } from "@sagacart/chassis/trace/fetch";
import type { ChargeAnswer, Provider, RefundAnswer } from "./card-provider.ts";
import { parseObject, readCaptured, readDeclined, readReason } from "./webhook.ts";

/**
 * A card provider over HTTP: `PUT /charges/{key}` asks it to charge, `DELETE /charges/{key}` not to, and
 * `PUT /refunds/{key}` to pay back. The answer's `status` says what came of it.
 */
export function createHttpProvider({ url, apiKey }: { url: string; apiKey: string }): Provider {
  async function call<A>(
    method: string,
    path: string,
    { body, signal, read }: { body?: object; signal: AbortSignal; read: (fields: Fields) => A | undefined },
  ): Promise<A> {
    const route = path.replace(/[^/]+$/, "{key}");
    const response = await tracedFetch(route, new URL(path, url), {
      method,
      signal,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = read(parseObject(await response.text()) ?? {});
    if (answer === undefined) {
      throw new Error(`the card provider answered ${response.status} to ${method} ${path}, which says nothing of it`);
    }
    return answer;
  }
  return {
    charge: (key, { paymentMethod, currency, amountMinor }, signal) =>
      call("PUT", `/charges/${encodeURIComponent(key)}`, {
        body: { paymentMethod, currency, amountMinor: amountMinor.toString() },
        signal,
        read: readCharge,
      }),
    cancel: (key, signal) => call("DELETE", `/charges/${encodeURIComponent(key)}`, { signal, read: readCharge }),
    refund: (key, { paymentId, currency, amountMinor }, signal) =>
      call("PUT", `/refunds/${encodeURIComponent(key)}`, {
        body: { charge: paymentId, currency, amountMinor: amountMinor.toString() },
        signal,
        read: readRefund,
      }),
  };
}

type Fields = Record<string, unknown>;

function readCharge(fields: Fields): ChargeAnswer | undefined {
  switch (fields.status) {
    case "captured":
      return readCaptured(fields.chargeId);
    case "declined":
      return readDeclined(fields.reason);
    case "pending":
    case "cancelled":
      return { kind: fields.status };
    default:
      return undefined;
  }
}

function readRefund(fields: Fields): RefundAnswer | undefined {
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
