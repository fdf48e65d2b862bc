import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Event, EventSchema } from "@sagacart/proto/event/v1/event";

/** An event as `webhook_events` keeps it for its deliveries. */
export type EventRow = {
  id: string;
  source: string;
  type: string;
  subject: string;
  sequence: bigint;
  position: bigint;
  time: Date;
  data: string;
  traceparent: string;
};

/** Returns the event of a row. */
export function eventOf({ time, ...event }: EventRow): Event {
  return create(EventSchema, { ...event, time: timestampFromDate(time) });
}
