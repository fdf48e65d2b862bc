import { create } from "@bufbuild/protobuf";
import { CancelOrderRequestSchema, CheckoutResponseSchema } from "@sagacart/proto/order/v1/order_service";
import { GetShipmentRequestSchema } from "@sagacart/proto/shipping/v1/shipping_service";
import { expect, test } from "vitest";
import { subjectOf } from "./subject.ts";

const subject = subjectOf("order");

test.each([
  ["of a field with its id", create(GetShipmentRequestSchema, { orderId: "o-1" }), "o-1"],
  ["of a field that is one", create(CheckoutResponseSchema, { order: { id: "o-2" } }), "o-2"],
  ["of an empty id", create(GetShipmentRequestSchema), undefined],
  ["of a field that is absent", create(CheckoutResponseSchema), undefined],
  ["of a message without such a field", create(CancelOrderRequestSchema, { id: "o-3" }), undefined],
])("the id %s", (_, message, id) => {
  expect(subject.idIn(message)).toBe(id);
});

test("spans and log lines call it by its name", () => {
  expect(subject).toMatchObject({ attribute: "sagacart.order.id", logField: "orderId" });
});
