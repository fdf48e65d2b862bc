import { type DescMethodServerStreaming, isMessage, type JsonValue, type Message } from "@bufbuild/protobuf";
import { toCloudEvent } from "@sagacart/outbox/events/cloud-event";
import { SubscribeEventsResponseSchema } from "@sagacart/proto/event/v1/event_service";
import type { Schema } from "@sagacart/rest/openapi/schema";
import type { Binding } from "../v1/bindings.ts";
import type { Feed, Frame } from "../v1/feed.ts";
import { isObject } from "../v1/query.ts";
import { subscriptions } from "./bindings.ts";
import { formatOf, formatParameter, withoutFormat } from "./format.ts";

/** The feeds of events as server-sent events: the position of each is its id. */
export const eventFeeds: readonly Feed[] = subscriptions.map(feedOf);

function feedOf(binding: Binding<DescMethodServerStreaming>): Feed {
  return {
    binding,
    cursor: "afterPosition",
    // The service knows the position of a named consumer, which an operator may have set back.
    cursorKeptBy: "consumer",
    frames: inJson,
    format: (request, query) => ({
      query: withoutFormat(query),
      frames: formatOf(request, query) === "cloudevents" ? asCloudEvents : undefined,
    }),
    isLast: () => false,
    documented: ({ parameters, ...operation }: Schema) => ({
      ...operation,
      parameters: [...(Array.isArray(parameters) ? parameters : []), formatParameter],
    }),
  };
}

function inJson(json: JsonValue): readonly Frame[] {
  const { events, nextPosition } = isObject(json) ? json : {};
  const frames = (Array.isArray(events) ? events : []).map((event) => ({
    id: text(isObject(event) ? event.position : undefined),
    data: event,
  }));
  return upTo(text(nextPosition), frames);
}

function asCloudEvents(message: Message): readonly Frame[] {
  if (!isMessage(message, SubscribeEventsResponseSchema)) {
    return [];
  }
  const frames = message.events.map((event) => ({ id: String(event.position), data: toCloudEvent(event) }));
  return upTo(String(message.nextPosition), frames);
}

/** Adds a frame with the next position if the filter by type left out the last events, so that they are not read again. */
function upTo(next: string, frames: readonly Frame[]): readonly Frame[] {
  return frames.at(-1)?.id === next || next === "0" ? frames : [...frames, { id: next, data: undefined }];
}

function text(json: JsonValue | undefined): string {
  return typeof json === "string" ? json : "";
}
