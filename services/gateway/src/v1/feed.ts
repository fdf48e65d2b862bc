import type { DescMethodServerStreaming, JsonValue, Message } from "@bufbuild/protobuf";
import type { Schema } from "@sagacart/rest/openapi/schema";
import type { FastifyRequest } from "fastify";
import type { Binding } from "./bindings.ts";
import type { Query } from "./query.ts";

/** A streaming rpc that is served as server-sent events. */
export type Feed = {
  readonly binding: Binding<DescMethodServerStreaming>;
  /** The field that Last-Event-ID fills. */
  readonly cursor: string;
  /** The events in one message of the stream. An event without data moves the cursor only. */
  frames(json: JsonValue): readonly Frame[];
  /** For requests that choose a format: the frames in that format, and the query without it. */
  format?(
    request: FastifyRequest,
    query: Query,
  ): { readonly query: Query; readonly frames: ((message: Message) => readonly Frame[]) | undefined };
  /** The query parameter with which the service keeps the cursor itself; Last-Event-ID is then ignored. */
  readonly cursorKeptBy?: string;
  /** Adds to the OpenAPI operation what the descriptors do not say. */
  documented?(operation: Schema): Schema;
  /** Returns true for the last message of a stream. */
  isLast(json: JsonValue): boolean;
};

/** A server-sent event; without data, it only moves the cursor. */
export type Frame = { readonly id: string; readonly data: unknown };
