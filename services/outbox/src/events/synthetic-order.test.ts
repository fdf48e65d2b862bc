import { create } from "@bufbuild/protobuf";
import { EventSchema } from "@sagacart/proto/event/v1/event";
import { expect, test } from "vitest";
import { isSynthetic } from "./synthetic-order.ts";

test.each([
  [true, { total: { currencyCode: "XTS", minorUnits: "100" } }],
  [false, { total: { currencyCode: "USD", minorUnits: "100" } }],
  [false, { total: { currencyCode: "USD", minorUnits: "100" }, title: "XTS" }],
  [false, { title: "XTS" }],
])("synthetic is %s for %j", (expected, data) => {
  expect(isSynthetic(create(EventSchema, { data: JSON.stringify(data) }))).toBe(expected);
});
