import { cloudEventBatchType, cloudEventType } from "@sagacart/outbox/events/cloud-event";
import { invalidRequest } from "@sagacart/rest/problem";
import type { FastifyRequest } from "fastify";
import Negotiator from "negotiator";
import type { Query } from "../v1/query.ts";

/** The format of events: the JSON of this API, or CloudEvents. */
export type Format = "json" | "cloudevents";

/**
 * Returns the format that a reader asks for: by the query's `format`, since a browser's EventSource cannot set headers, else
 * by the media types that it accepts. Throws EdgeError for an unknown format.
 */
export function formatOf(request: FastifyRequest, query: Query): Format {
  const { format } = query;
  if (format === "json" || format === "cloudevents") {
    return format;
  }
  if (format !== undefined) {
    throw invalidRequest([{ field: "format", rule: "in", message: "must be json or cloudevents, once" }]);
  }
  const accepted = new Negotiator(request.raw);
  // A stream's type does not tell the format of its events, so Accept may name that besides.
  const isNamed = accepted.mediaTypes().includes(cloudEventType);
  return isNamed || accepted.mediaType(["application/json", cloudEventBatchType]) === cloudEventBatchType
    ? "cloudevents"
    : "json";
}

/** Removes the parameter that the rpc does not know. */
export function withoutFormat({ format: _, ...query }: Query): Query {
  return query;
}

/** The parameter as documented. */
export const formatParameter = {
  name: "format",
  in: "query",
  description: "The format of the events: the JSON of this API, or CloudEvents 1.0. Without it, Accept decides.",
  schema: { type: "string", enum: ["json", "cloudevents"] },
};
