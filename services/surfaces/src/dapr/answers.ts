import { Order_StateSchema } from "@sagacart/proto/order/v1/order";
import { Payment_StateSchema, Refund_StateSchema } from "@sagacart/proto/payment/v1/payment";
import { fields, listOf, orNull, text, time, truth, whole } from "../openapi/answers.ts";

// The answers of the Dapr surface as JSON schemas; views.ts makes the answers.

const textOrNull = orNull(text);
const timeOrNull = orNull(time);
const orderStatus = { enum: Order_StateSchema.values.slice(1).map(({ localName }) => localName) };

export const order = fields({
  id: text,
  customerId: text,
  status: orderStatus,
  final: truth,
  reason: textOrNull,
  detail: textOrNull,
  shortages: listOf(fields({ productId: text, requested: whole, available: whole })),
  items: listOf(fields({ productId: text, title: text, quantity: whole, unitPrice: whole })),
  total: whole,
  currency: textOrNull,
  refunded: whole,
  trackingNumber: textOrNull,
  createdAt: timeOrNull,
  updatedAt: timeOrNull,
});

const undos = listOf({ enum: ["payment", "stock"] });

export const status = fields({
  id: text,
  status: orderStatus,
  final: truth,
  reason: textOrNull,
  detail: textOrNull,
  underWay: textOrNull,
  step: { enum: ["reserve", "pay", "ship", "refund", "release", null] },
  attempt: orNull(whole),
  incident: orNull(fields({ id: text, step: text, error: text, since: timeOrNull })),
  payment: fields({ attempt: whole, declineReason: textOrNull }),
  steps: listOf(
    fields({
      name: text,
      state: { enum: ["DONE", "RUNNING", "WAITING", "FAILED", "NOT_REACHED", "UNDOING", "UNDONE"] },
      time: timeOrNull,
    }),
  ),
  compensating: truth,
  compensation: orNull(fields({ undone: undos, toUndo: undos })),
  workflowId: textOrNull,
  changes: listOf(fields({ status: orderStatus, reason: textOrNull, time: timeOrNull })),
});

const inventoryFields = {
  productId: text,
  title: text,
  price: whole,
  currency: textOrNull,
  onHand: whole,
  reservedInAll: whole,
  available: whole,
};

export const inventory = fields(inventoryFields);
export const reserved = fields({ reservationId: text, reserved: whole, ...inventoryFields });
export const released = fields({ released: whole, ...inventoryFields });

export const payment = fields({
  id: text,
  customerId: text,
  status: { enum: Payment_StateSchema.values.slice(1).map(({ localName }) => localName) },
  amount: whole,
  currency: textOrNull,
  refunded: whole,
  createdAt: timeOrNull,
});

export const refund = fields({
  id: text,
  paymentId: text,
  status: { enum: Refund_StateSchema.values.slice(1).map(({ localName }) => localName) },
  amount: whole,
  currency: textOrNull,
  failureReason: textOrNull,
  createdAt: timeOrNull,
});
