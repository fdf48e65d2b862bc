import { formatMoney, multiply } from "@sagacart/chassis/money";
import type { OrderFacts, OrderLine } from "./order-event.ts";

export type Letter = { readonly subject: string; readonly text: string };

/** What a customer is told, by the type of event. Of the types that are not here nobody is told anything. */
export const templates: Readonly<Record<string, (facts: OrderFacts) => { subject: string; body: string[] }>> = {
  "sagacart.order.completed.v1": ({ orderId, total, lines, trackingNumber }) => ({
    subject: `Your order ${orderId} is complete`,
    body: [
      `thank you for your order ${orderId}.`,
      ...list(lines),
      ...(total === undefined ? [] : [`Total: ${formatMoney(total)}`]),
      ...(trackingNumber === "" ? [] : [`It is on its way. The carrier's number for it is ${trackingNumber}.`]),
    ],
  }),
  "sagacart.order.awaiting_payment.v1": ({ orderId, total }) => ({
    subject: `Your order ${orderId} waits for your payment`,
    body: [
      `we have set aside what you chose for your order ${orderId}.`,
      total === undefined
        ? "Please pay soon; we do not keep it for long."
        : `Please pay ${formatMoney(total)} soon; we do not keep it for long.`,
    ],
  }),
  "sagacart.order.rejected.v1": ({ orderId, reason }) => ({
    subject: `Your order ${orderId} could not be placed`,
    body: [
      `we could not place your order ${orderId}.`,
      ...why(reason),
      "You have not been charged, and your cart is open again.",
    ],
  }),
  "sagacart.order.cancelled.v1": ({ orderId, reason }) => ({
    subject: `Your order ${orderId} is cancelled`,
    body: [
      `your order ${orderId} is cancelled.`,
      ...why(reason),
      "If you had paid, your money is on its way back to you.",
    ],
  }),
  "sagacart.order.expired.v1": ({ orderId }) => ({
    subject: `Your order ${orderId} has expired`,
    body: [
      `your order ${orderId} was not paid in time, so we do not keep it any longer.`,
      "You have not been charged, and your cart is open again.",
    ],
  }),
  // The total of this event is the refund's, which may be a part of the order's.
  "sagacart.order.refunded.v1": ({ orderId, total, reason }) => ({
    subject: `Your refund for order ${orderId}`,
    body: [
      `we have refunded ${total === undefined ? "you" : formatMoney(total)} for your order ${orderId}.`,
      ...why(reason),
    ],
  }),
};

/** The letter to a customer. Undefined for a type that nobody is told of. */
export function writeLetter(type: string, facts: OrderFacts, name: string): Letter | undefined {
  const written = templates[type]?.(facts);
  if (written === undefined) {
    return undefined;
  }
  const { subject, body } = written;
  return { subject, text: [name === "" ? "Hello," : `Hello ${name},`, ...body, "Your shop"].join("\n\n") };
}

function list(lines: readonly OrderLine[]): string[] {
  const rows = lines.map(({ title, quantity, unitPrice }) =>
    unitPrice === undefined
      ? `  ${quantity} × ${title}`
      : `  ${quantity} × ${title}, ${formatMoney(multiply(unitPrice, quantity))}`,
  );
  return rows.length === 0 ? [] : [rows.join("\n")];
}

function why(reason: string): string[] {
  return reason === "" ? [] : [`The reason: ${reason.replaceAll("_", " ").toLowerCase()}.`];
}
