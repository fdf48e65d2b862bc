import { isMessage } from "@bufbuild/protobuf";
import { batched, cloudEventBatchType } from "@sagacart/outbox/events/cloud-event";
import { type ReadEventsResponse, ReadEventsResponseSchema } from "@sagacart/proto/event/v1/event_service";
import { callerLeft } from "@sagacart/rest/caller-left";
import type { Schema } from "@sagacart/rest/openapi/schema";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { addVary, cachingOf } from "../edge/caching.ts";
import type { Services } from "../services.ts";
import type { Binding } from "../v1/bindings.ts";
import { routerPath } from "../v1/router-path.ts";
import { decode, encode, partsOf, sendJson } from "../v1/transcode.ts";
import { unaryCall } from "../v1/unary-call.ts";
import { formatOf, formatParameter, withoutFormat } from "./format.ts";

/** Serves ReadEvents, with the events in the format that the caller asks for. */
export function serveReading(app: FastifyInstance, services: Services, bindings: readonly Binding[]): void {
  for (const binding of bindings) {
    const call = unaryCall(binding.method, services.transportTo(binding.method.parent, binding.at));
    const config = { caching: cachingOf(binding.method) };
    app.get(routerPath(binding.template, []), { config }, async (request, reply) => {
      const parts = partsOf(request);
      const format = formatOf(request, parts.query);
      const message = decode(binding, { ...parts, query: withoutFormat(parts.query) });
      const page = await call(message, callerLeft(reply));
      addVary(reply, ["Accept"]);
      return format === "cloudevents" && isMessage(page, ReadEventsResponseSchema)
        ? sendBatch(request, reply, page)
        : sendJson(reply, encode(binding.method.output, page));
    });
  }
}

/** Sends a batch of CloudEvents. It has no field for the next position, which is in headers. */
function sendBatch(request: FastifyRequest, reply: FastifyReply, page: ReadEventsResponse): FastifyReply {
  const { events, nextPosition, generation } = page;
  const { headers, body } = batched(events);
  const next = new URL(request.url, "http://here");
  if (!next.searchParams.has("consumer")) {
    next.searchParams.delete("after_position");
    next.searchParams.set("afterPosition", String(nextPosition));
  }
  return reply
    .headers({
      ...headers,
      link: `<${next.pathname}${next.search}>; rel="next"`,
      "sagacart-next-position": String(nextPosition),
      "sagacart-generation": String(generation),
    })
    .send(body);
}

/** Adds to the OpenAPI operation what the descriptors do not say. */
export function documentReading(operation: Schema): Schema {
  const { parameters, responses } = operation;
  const answers: { [status: string]: unknown } = typeof responses === "object" ? { ...responses } : {};
  const { "200": ok } = answers;
  const content = typeof ok === "object" && ok !== null && "content" in ok ? ok.content : undefined;
  const header = (description: string) => ({ description, schema: { type: "string" } });
  return {
    ...operation,
    parameters: [...(Array.isArray(parameters) ? parameters : []), formatParameter],
    responses: {
      ...answers,
      "200": {
        ...(typeof ok === "object" ? ok : {}),
        headers: {
          Link: header('With CloudEvents: the next page, rel="next".'),
          "Sagacart-Next-Position": header("With CloudEvents: where to read on, also where there are no events."),
          "Sagacart-Generation": header("With CloudEvents: the generation of the consumer that was named."),
        },
        content: {
          ...(typeof content === "object" ? content : {}),
          [cloudEventBatchType]: { schema: { type: "array", items: { $ref: "#/components/schemas/CloudEvent" } } },
        },
      },
    },
  };
}
