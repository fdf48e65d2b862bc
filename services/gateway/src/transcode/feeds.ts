import type { DescMethodServerStreaming, JsonValue, Message } from "@bufbuild/protobuf";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import type { FastifyRequest } from "fastify";
import { eventFeeds } from "../events/feeds.ts";
import type { Schema } from "../openapi/schemas.ts";
import { type Binding, bind } from "./bindings.ts";
import { isObject, type Query } from "./query.ts";

/** A stream of an rpc, told as server-sent events. */
export type Feed = {
  readonly binding: Binding<DescMethodServerStreaming>;
  /** The field that Last-Event-ID fills. */
  readonly cursor: string;
  /** The events in one message of the stream. An event without data moves the cursor only. */
  frames(json: JsonValue): readonly Frame[];
  /** Where a request may want the messages told otherwise: how, and the query as the rpc knows it. */
  told?(
    request: FastifyRequest,
    query: Query,
  ): { readonly query: Query; readonly frames: ((message: Message) => readonly Frame[]) | undefined };
  /** The query parameter with which the service knows the cursor by itself, and Last-Event-ID does not count. */
  readonly cursorKeptBy?: string;
  /** What the document says besides what the descriptors do. */
  documented?(operation: Schema): Schema;
  /** Nothing will follow this message. */
  isLast(json: JsonValue): boolean;
};

/** An event: what is not undefined is told as JSON. */
export type Frame = { readonly id: string; readonly data: unknown };

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
  ...eventFeeds,
];

const finalStates = new Set(["STATE_COMPLETED", "STATE_REJECTED", "STATE_CANCELLED", "STATE_EXPIRED"]);

function at(json: JsonValue | undefined, key: string): JsonValue | undefined {
  return isObject(json) ? json[key] : undefined;
}

function text(json: JsonValue | undefined): string {
  return typeof json === "string" ? json : "";
}
