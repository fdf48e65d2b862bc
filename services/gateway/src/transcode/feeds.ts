import type { DescMethodServerStreaming, JsonValue } from "@bufbuild/protobuf";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { type Binding, bind } from "./bindings.ts";
import { isObject } from "./query.ts";

/** A stream of an rpc, told as server-sent events. */
export type Feed = {
  readonly binding: Binding<DescMethodServerStreaming>;
  /** The field that Last-Event-ID fills. */
  readonly cursor: string;
  /** The events in one message of the stream. An event without data moves the cursor only. */
  frames(json: JsonValue): readonly Frame[];
  /** Nothing will follow this message. */
  isLast(json: JsonValue): boolean;
};

export type Frame = { readonly id: string; readonly data: JsonValue | undefined };

/** The streams that are public. */
export const feeds: readonly Feed[] = [
  {
    binding: bind(OrderService.method.watchOrder, { verb: "GET", template: "/v1/orders/{id}:watch", body: "" }),
    cursor: "afterSequence",
    frames: (json) => [{ id: text(at(at(json, "order"), "sequence")), data: json }],
    isLast: (json) => finalStates.has(text(at(at(json, "order"), "state"))),
  },
  {
    binding: bind(InboxService.method.watchInbox, { verb: "GET", template: "/v1/inbox/{customer_id}:watch", body: "" }),
    cursor: "afterSequence",
    frames: (json) => [{ id: text(at(json, "sequence")), data: json }],
    isLast: () => false,
  },
  {
    binding: bind(EventService.method.subscribeEvents, { verb: "GET", template: "/v1/events:subscribe", body: "" }),
    cursor: "afterPosition",
    frames(json) {
      const events = at(json, "events");
      const frames = (Array.isArray(events) ? events : []).map((event) => ({
        id: text(at(event, "position")),
        data: event,
      }));
      const next = text(at(json, "nextPosition"));
      // The types asked for left out what came last: who reads on need not look at it again.
      return frames.at(-1)?.id === next || next === "0" ? frames : [...frames, { id: next, data: undefined }];
    },
    isLast: () => false,
  },
];

const finalStates = new Set(["STATE_COMPLETED", "STATE_REJECTED", "STATE_CANCELLED", "STATE_EXPIRED"]);

function at(json: JsonValue | undefined, key: string): JsonValue | undefined {
  return isObject(json) ? json[key] : undefined;
}

function text(json: JsonValue | undefined): string {
  return typeof json === "string" ? json : "";
}
