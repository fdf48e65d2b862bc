import { cloudEventBatchType, cloudEventType } from "@sagacart/outbox/events/cloud-event";
import { invalidRequest } from "@sagacart/rest/problem";
import type { FastifyRequest } from "fastify";
import Negotiator from "negotiator";
import type { Query } from "../v1/query.ts";

/** How events are told: in the JSON of our API, or as CloudEvents. */
export type Format = "json" | "cloudevents";

/**
 * How a reader of events wants them told: the query's `format`, since a browser's EventSource cannot say it otherwise,
 * else the media types it accepts. Throws EdgeError for a format that there is not.
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
  // A stream's own type says nothing of what is in it, so the events' may stand beside it.
  const isNamed = accepted.mediaTypes().includes(cloudEventType);
  return isNamed || accepted.mediaType(["application/json", cloudEventBatchType]) === cloudEventBatchType
    ? "cloudevents"
    : "json";
}

/** The query as the rpc knows it. */
export function withoutFormat({ format: _, ...query }: Query): Query {
  return query;
}

/** The parameter as documented. */
export const formatParameter = {
  name: "format",
  in: "query",
  description:
    "How the events are told: in the JSON of this API, or as CloudEvents 1.0. Without it, what Accept names.",
  schema: { type: "string", enum: ["json", "cloudevents"] },
};
