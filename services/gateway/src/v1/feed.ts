import type { DescMethodServerStreaming, JsonValue, Message } from "@bufbuild/protobuf";
import type { Schema } from "@sagacart/rest/openapi/schema";
import type { FastifyRequest } from "fastify";
import type { Binding } from "./bindings.ts";
import type { Query } from "./query.ts";

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
