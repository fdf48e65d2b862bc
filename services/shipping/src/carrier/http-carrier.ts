import { tracedFetch } from "@sagacart/chassis/trace/fetch";
import type { Address } from "@sagacart/proto/type/v1/address";
import { addressJson } from "../shipments/shipment.ts";
import type { Carrier, CarrierAnswer } from "./carrier.ts";
import { asObject, readAccepted, readRefused } from "./webhook.ts";

/**
 * A carrier over HTTP: `PUT /shipments/{key}` asks it to take one, `DELETE /shipments/{key}` to give it back. The
 * answer's `status` says what came of it.
 */
export function createHttpCarrier({ url, apiKey }: { url: string; apiKey: string }): Carrier {
  const call = async (method: string, key: string, signal: AbortSignal, body?: string): Promise<Answer> => {
    const response = await tracedFetch("/shipments/{key}", new URL(`/shipments/${encodeURIComponent(key)}`, url), {
      method,
      signal,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return { code: response.status, fields: parse(text) };
  };
  return {
    async create(key: string, address: Address, signal: AbortSignal): Promise<CarrierAnswer> {
      const { code, fields } = await call("PUT", key, signal, JSON.stringify(addressJson(address)));
      const answer = readCreated(fields);
      if (answer === undefined) {
        throw new Error(`the carrier answered ${code} to the request for ${key}, which says nothing of the shipment`);
      }
      return answer;
    },
    async cancel(key: string, signal: AbortSignal) {
      const { code, fields } = await call("DELETE", key, signal);
      const { status } = fields;
      if (status !== "cancelled" && status !== "unknown" && status !== "on_its_way") {
        throw new Error(
          `the carrier answered ${code} to the cancellation of ${key}, which says nothing of the shipment`,
        );
      }
      return status;
    },
  };
}

type Answer = { code: number; fields: Record<string, unknown> };

function readCreated(fields: Record<string, unknown>): CarrierAnswer | undefined {
  switch (fields.status) {
    case "accepted":
      return readAccepted(fields.trackingNumber);
    case "refused":
      return readRefused(fields.reason);
    case "pending":
    case "cancelled":
      return { kind: fields.status };
    default:
      return undefined;
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return asObject(JSON.parse(text)) ?? {};
  } catch {
    return {};
  }
}
