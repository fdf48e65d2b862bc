import { tracedFetch } from "@sagacart/chassis/trace/fetch";
import type { Address } from "@sagacart/proto/type/v1/address";
import { type JsonFields, parseObject } from "@sagacart/provider/json";
import { finalRefusal } from "@sagacart/provider/refusal";
import { addressJson } from "../shipments/shipment.ts";
import type { CancelAnswer, Carrier, CarrierAnswer } from "./carrier.ts";
import { readAccepted, readRefused } from "./carrier-webhook.ts";

/**
 * A carrier over HTTP: `PUT /shipments/{key}` asks for a shipment, `DELETE /shipments/{key}` cancels it. The answer's
 * `status` is the outcome; an answer without one is a refusal for good if its HTTP code says so.
 */
export function createHttpCarrier({ url, apiKey }: { url: string; apiKey: string }): Carrier {
  const call = async (method: string, key: string, signal: AbortSignal, body?: string): Promise<Answer> => {
    const response = await tracedFetch("/shipments/{key}", new URL(`/shipments/${encodeURIComponent(key)}`, url), {
      method,
      signal,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body }),
    });
    return { code: response.status, fields: parseObject(await response.text()) ?? {} };
  };
  return {
    async create(key: string, address: Address, signal: AbortSignal): Promise<CarrierAnswer> {
      const { code, fields } = await call("PUT", key, signal, JSON.stringify(addressJson(address)));
      const answer = readCreated(fields);
      const refusal = finalRefusal(code, fields);
      if (answer === undefined && refusal !== undefined) {
        return { kind: "refused", reason: refusal };
      }
      if (answer === undefined) {
        throw new Error(
          `the carrier answered ${code} to the request for ${key}, without a status that says what became of it`,
        );
      }
      return answer;
    },
    async cancel(key: string, signal: AbortSignal): Promise<CancelAnswer> {
      const { code, fields } = await call("DELETE", key, signal);
      const { status } = fields;
      if (status !== "cancelled" && status !== "unknown" && status !== "on_its_way") {
        const refused = finalRefusal(code, fields);
        if (refused !== undefined) {
          return { refused };
        }
        throw new Error(
          `the carrier answered ${code} to the cancellation of ${key}, without a status that says what became of it`,
        );
      }
      return status;
    },
  };
}

type Answer = { code: number; fields: JsonFields };

function readCreated(fields: JsonFields): CarrierAnswer | undefined {
  switch (fields.status) {
    case "accepted":
      return readAccepted(fields);
    case "refused":
      return readRefused(fields);
    case "pending":
    case "cancelled":
      return { kind: fields.status };
    default:
      return undefined;
  }
}
