import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { EventSchema } from "@sagacart/proto/event/v1/event";
import { HTTP, CloudEvent as Reference } from "cloudevents";
import { expect, test } from "vitest";
import { batched, binary, structured, toCloudEvent } from "./cloud-event.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01";

const paid = create(EventSchema, {
  id: "0199aa00-0000-7000-8000-000000000001",
  source: "/sagacart/order",
  type: "sagacart.order.paid.v1",
  subject: "order-1",
  sequence: 3n,
  position: 41n,
  time: timestampFromDate(new Date("2030-01-31T12:00:00.123Z")),
  data: '{"orderId": "order-1", "total": {"currencyCode": "EUR", "minorUnits": "1999"}}',
  traceparent,
});

const bare = create(EventSchema, {
  id: "1",
  source: "/sagacart/shipping",
  type: "t",
  sequence: 1n,
  position: 9_007_199_254_740_993n,
  data: "{}",
});

/** Reads an event by the reference implementation, which validates it against the specification's schema. */
function read({ headers, body }: { headers: Readonly<Record<string, string>>; body: string }) {
  const events = [HTTP.toEvent({ headers: { ...headers }, body })].flat();
  return events.map((event) => {
    if (!(event instanceof Reference)) {
      throw new Error("the reference implementation does not take it for a CloudEvent");
    }
    event.validate();
    return event.toJSON();
  });
}

test("an event is a CloudEvent of version 1.0, with its cursor and its trace", () => {
  expect(toCloudEvent(paid)).toEqual({
    specversion: "1.0",
    id: "0199aa00-0000-7000-8000-000000000001",
    source: "/sagacart/order",
    type: "sagacart.order.paid.v1",
    subject: "order-1",
    time: "2030-01-31T12:00:00.123Z",
    datacontenttype: "application/json",
    sequence: "0000000000000000003",
    position: "41",
    traceparent,
    data: { orderId: "order-1", total: { currencyCode: "EUR", minorUnits: "1999" } },
  });
});

test("absent attributes are omitted, and a large position stays exact", () => {
  expect(toCloudEvent(bare)).toEqual({
    specversion: "1.0",
    id: "1",
    source: "/sagacart/shipping",
    type: "t",
    datacontenttype: "application/json",
    sequence: "0000000000000000001",
    position: "9007199254740993",
    data: {},
  });
});

test("the reference implementation reads the structured, the batched and the binary mode alike", () => {
  expect(structured(paid).headers).toEqual({ "content-type": "application/cloudevents+json; charset=utf-8" });
  expect(read(structured(paid))).toEqual([toCloudEvent(paid)]);
  expect(batched([paid]).headers).toEqual({ "content-type": "application/cloudevents-batch+json; charset=utf-8" });
  expect(read(batched([paid, paid]))).toEqual([toCloudEvent(paid), toCloudEvent(paid)]);
  expect(batched([]).body).toBe("[]");
  expect(read(binary(paid))).toEqual([toCloudEvent(paid)]);
});

test("binary mode has the data as recorded, and its type in content-type only", () => {
  const { headers, body } = binary(paid);
  expect(body).toBe(paid.data);
  expect(headers["content-type"]).toBe("application/json");
  expect(Object.keys(headers)).not.toContain("ce-datacontenttype");
  expect(Object.keys(binary(bare).headers)).not.toContain("ce-traceparent");
});

test("sequences sort as text", () => {
  const sequences = [1n, 2n, 9n, 10n, 11n, 9_223_372_036_854_775_807n].map(
    (sequence) => toCloudEvent(create(EventSchema, { ...bare, sequence })).sequence,
  );
  expect(sequences.toSorted()).toEqual(sequences);
});

test.each([
  ["Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"],
  ['50% "off"', "50%25%20%22off%22"],
  ["a\r\nce-id: 2", "a%0D%0Ace-id:%202"],
  ["order~1.A_b-c", "order~1.A_b-c"],
])("a header carries %j as %s", (subject, expected) => {
  expect(binary(create(EventSchema, { ...paid, subject })).headers["ce-subject"]).toBe(expected);
});
