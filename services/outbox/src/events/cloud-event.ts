import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Event } from "@sagacart/proto/event/v1/event";

/**
 * An event in the JSON format of CloudEvents 1.0.2.
 *
 * In addition to the specification's attributes, it has three extensions. `sequence` numbers the events of a subject (1, 2,
 * 3 … without gaps), padded so that it sorts as text, as the Sequence extension requires. `position` is the cursor for
 * reading on after this event. `traceparent` is the call that caused it (Distributed Tracing extension).
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

/** An event, or several, as an HTTP message. */
export type HttpContent = { readonly headers: Readonly<Record<string, string>>; readonly body: string };

/** The media types of one event and of several. */
export const cloudEventType = "application/cloudevents+json";
export const cloudEventBatchType = "application/cloudevents-batch+json";

/** Translates an event. Throws a SyntaxError if its data is not JSON, which no service of ours records. */
export function toCloudEvent(event: Event): CloudEvent {
  return { ...attributesOf(event), data: JSON.parse(event.data) };
}

/** Encodes an event in structured mode: all of it is in the body. */
export function structured(event: Event): HttpContent {
  return { headers: { "content-type": `${cloudEventType}; charset=utf-8` }, body: JSON.stringify(toCloudEvent(event)) };
}

/** Encodes events in batched mode; there may be none. */
export function batched(events: readonly Event[]): HttpContent {
  return {
    headers: { "content-type": `${cloudEventBatchType}; charset=utf-8` },
    body: JSON.stringify(events.map(toCloudEvent)),
  };
}

/** Encodes an event in binary mode: the body is the data, byte for byte as recorded; all else is in headers. */
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
    // Attributes without a value are omitted.
    ...(subject === "" ? {} : { subject }),
    ...(time === undefined ? {} : { time: timestampDate(time).toISOString() }),
    datacontenttype: "application/json",
    sequence: String(event.sequence).padStart(sequenceDigits, "0"),
    position: String(event.position),
    ...(traceparent === "" ? {} : { traceparent }),
  };
}

/** The number of digits of the largest 64-bit integer. */
const sequenceDigits = 19;

/** Encodes a header's value by the HTTP binding's rules: percent-encodes space, ", % and all but visible ASCII. */
function percentEncoded(value: string): string {
  return value
    .toWellFormed()
    .replaceAll(/[^\x21-\x7e]|["%]/gu, (character) =>
      [...new TextEncoder().encode(character)]
        .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
        .join(""),
    );
}
