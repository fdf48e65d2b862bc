import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Event } from "@sagacart/proto/event/v1/event";

/**
 * An event in the JSON format of CloudEvents 1.0.2.
 *
 * Beside the attributes of the specification it has three extensions. `sequence` counts the events of this subject
 * (1, 2, 3 … without gaps), padded so that it sorts as text, as the Sequence extension wants it. `position` is the
 * cursor to read on after this event. `traceparent` is the call that caused it (Distributed Tracing).
 */
export type CloudEvent = {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  readonly time?: string;
  readonly datacontenttype: "application/json";
  readonly sequence: string;
  readonly position: string;
  readonly traceparent?: string;
  readonly data: unknown;
};

/** What goes over HTTP: the headers that say what it is, and the body. */
export type HttpContent = { readonly headers: Readonly<Record<string, string>>; readonly body: string };

/** The media type of one event, and of several. */
export const cloudEventType = "application/cloudevents+json";
export const cloudEventBatchType = "application/cloudevents-batch+json";

/** Throws a SyntaxError where the event's data is no JSON, which no service of ours records. */
export function toCloudEvent(event: Event): CloudEvent {
  return { ...attributesOf(event), data: JSON.parse(event.data) };
}

/** Structured mode: the whole event is the body. */
export function structured(event: Event): HttpContent {
  return { headers: { "content-type": `${cloudEventType}; charset=utf-8` }, body: JSON.stringify(toCloudEvent(event)) };
}

/** Batched mode, for who asked for it: several events, or none. */
export function batched(events: readonly Event[]): HttpContent {
  return {
    headers: { "content-type": `${cloudEventBatchType}; charset=utf-8` },
    body: JSON.stringify(events.map(toCloudEvent)),
  };
}

/** Binary mode: the data is the body, to the byte as it was recorded; all else stands in headers. */
export function binary(event: Event): HttpContent {
  const { datacontenttype, ...attributes } = attributesOf(event);
  const headers = Object.entries(attributes).map(([name, value]) => [`ce-${name}`, percentEncoded(value)]);
  return { headers: { "content-type": datacontenttype, ...Object.fromEntries(headers) }, body: event.data };
}

function attributesOf(event: Event): Omit<CloudEvent, "data"> {
  const { id, source, type, subject, time, traceparent } = event;
  return {
    specversion: "1.0",
    id,
    source,
    type,
    // An attribute without a value is left out.
    ...(subject === "" ? {} : { subject }),
    ...(time === undefined ? {} : { time: timestampDate(time).toISOString() }),
    datacontenttype: "application/json",
    sequence: String(event.sequence).padStart(sequenceDigits, "0"),
    position: String(event.position),
    ...(traceparent === "" ? {} : { traceparent }),
  };
}

/** As many as the largest 64-bit integer has. */
const sequenceDigits = 19;

/** What a header cannot carry, in the way of the HTTP binding: space, ", % and all beyond visible ASCII. */
function percentEncoded(value: string): string {
  return value
    .toWellFormed()
    .replaceAll(/[^\x21-\x7e]|["%]/gu, (character) =>
      [...new TextEncoder().encode(character)]
        .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
        .join(""),
    );
}
