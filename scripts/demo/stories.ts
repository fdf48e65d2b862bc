import assert from "node:assert/strict";
import { formatMoney } from "@sagacart/chassis/money";
import { uuidv7 } from "@sagacart/chassis/uuid";
import {
  type Order,
  Order_State,
  OrderDispute_State,
  OrderDispute_StateSchema,
  OrderRefund_SourceSchema,
} from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { type Payment, Payment_State, Refund_SourceSchema, Refund_State } from "@sagacart/proto/payment/v1/payment";
import { Shipment_State } from "@sagacart/proto/shipping/v1/shipment";
import { Reservation_State } from "@sagacart/proto/stock/v1/reservation";
import { until } from "../until.ts";
import { guestBuysAndClaims } from "./guest.ts";
import { type Shop, stateOf } from "./shop.ts";
import type { Story, StoryContext } from "./story.ts";

const timeoutMs = 60_000;

const home = {
  recipient: "Ada Lovelace",
  line1: "12 St James's Square",
  city: "London",
  postalCode: "SW1Y 4JH",
  countryCode: "GB",
};

/** The stories of a checkout. Each asserts what it prints, and throws if it is wrong. */
export const stories: readonly Story[] = [
  { title: "A good checkout", run: goodCheckout },
  { title: "Sold out", run: soldOut },
  { title: "Declined", run: declined },
  { title: "Shipping fails", run: shippingFails },
  { title: "Paid later", run: paidLater },
  { title: "A guest buys, registers and claims the order", run: guestBuysAndClaims },
  { title: "Cancelled during payment", run: cancelledWhilePaying },
  { title: "The worker is killed half-way", run: workerKilled },
  { title: "A refund from outside", run: refundedOutside },
  { title: "A refund from outside, and then a refused shipment", run: refundedOutsideAndRefused },
  { title: "A dispute won, and one lost", run: disputed },
];

async function goodCheckout({ shop, cleanup, say }: StoryContext): Promise<void> {
  const product = await makeProduct({ shop, cleanup }, 5);
  const customerId = `ada-${uuidv7()}`;
  cleanup.customer(customerId);
  cleanup.carts(customerId);
  await shop.notifier.putContact({ customerId, email: `${customerId}@example.com`, name: "Ada" });
  const { cart } = await shop.carts.createCart({ customerId, lines: [{ productId: product, quantity: 2 }] });
  assert(cart !== undefined);
  say(`cart ${cart.id} holds 2 of product ${product} (5 on hand)`);
  const order = await checkOut(shop, { customerId, cartId: cart.id, paymentMethod: "pm_ok", shippingAddress: home });
  await sayOrder(shop, say, order);
  expectState(order, Order_State.COMPLETED);
  const { shipment } = await shop.shipping.getShipment({ orderId: order.id });
  say(`shipment accepted by the carrier, tracking number ${shipment?.trackingNumber}`);
  assert.equal(shipment?.state, Shipment_State.ACCEPTED);
  await expectStock(shop, say, product, { onHand: 3, reserved: 0 });
  const mail = await until("the mail", async () => {
    const { messages } = await shop.mailbox.listMailboxMessages({ to: `${customerId}@example.com` });
    return messages[0];
  });
  say(`mail in the mailbox: "${mail.subject}", Message-ID ${mail.messageId}`);
}

async function soldOut({ shop, cleanup, say }: StoryContext): Promise<void> {
  const product = await makeProduct({ shop, cleanup }, 1);
  const customerId = `bea-${uuidv7()}`;
  cleanup.carts(customerId);
  const { cart } = await shop.carts.createCart({ customerId, lines: [{ productId: product, quantity: 2 }] });
  assert(cart !== undefined);
  say(`cart ${cart.id} holds 2 of product ${product} (1 on hand)`);
  const order = await checkOut(shop, { customerId, cartId: cart.id, paymentMethod: "pm_ok" });
  await sayOrder(shop, say, order);
  expectState(order, Order_State.REJECTED);
  const [shortage] = order.shortages;
  say(`short: ${shortage?.productId}, ${shortage?.requested} requested, ${shortage?.available} available`);
  assert.deepEqual([shortage?.requested, shortage?.available], [2, 1]);
  const { payments } = await shop.payments.listPayments({ orderId: order.id });
  say(`payments: ${payments.length}; missing stock is not charged`);
  assert.equal(payments.length, 0);
  const { cart: after } = await shop.carts.getCart({ id: cart.id });
  say(`cart ${cart.id} is open again, reason ${after?.lastFailureReason}`);
  assert.equal(after?.lastFailureReason, "OUT_OF_STOCK");
}

async function declined({ shop, cleanup, say }: StoryContext): Promise<void> {
  const product = await makeProduct({ shop, cleanup }, 5);
  const order = await checkOut(shop, { ...line(product, 1), customerId: "cy", paymentMethod: "pm_declined" });
  await sayOrder(shop, say, order);
  expectState(order, Order_State.REJECTED);
  assert.equal(order.outcomeReason, "PAYMENT_DECLINED");
  await expectReservation(shop, say, order.id, Reservation_State.RELEASED);
  await expectStock(shop, say, product, { onHand: 5, reserved: 0 });
}

async function shippingFails({ shop, cleanup, say }: StoryContext): Promise<void> {
  const product = await makeProduct({ shop, cleanup }, 5);
  const order = await checkOut(shop, {
    ...line(product, 1),
    customerId: "dee",
    paymentMethod: "pm_ok",
    shippingAddress: { ...home, city: "Berlin", postalCode: "00000", countryCode: "DE" },
  });
  await sayOrder(shop, say, order);
  expectState(order, Order_State.CANCELLED);
  await expectRefunded(shop, say, order.id);
  await expectReservation(shop, say, order.id, Reservation_State.RELEASED);
  await expectStock(shop, say, product, { onHand: 5, reserved: 0 });
}

async function paidLater({ shop, cleanup, say }: StoryContext): Promise<void> {
  const product = await makeProduct({ shop, cleanup }, 5);
  const order = await checkOut(shop, { ...line(product, 1), customerId: "eve", payLater: true });
  say(`order ${order.id} is ${stateOf(order)}; its stock is held`);
  expectState(order, Order_State.AWAITING_PAYMENT);
  const first = await shop.orders.payOrder({ id: order.id, paymentMethod: "pm_no_funds" }, { timeoutMs });
  assert(first.order !== undefined);
  say(`the first payment was declined: ${first.order.payment?.declineReason}; the order still awaits payment`);
  expectState(first.order, Order_State.AWAITING_PAYMENT);
  const second = await shop.orders.payOrder({ id: order.id, paymentMethod: "pm_ok" }, { timeoutMs });
  assert(second.order !== undefined);
  await sayOrder(shop, say, second.order);
  expectState(second.order, Order_State.COMPLETED);
}

async function cancelledWhilePaying({ shop, cleanup, say }: StoryContext): Promise<void> {
  const product = await makeProduct({ shop, cleanup }, 5);
  const order = await checkOut(shop, {
    ...line(product, 1),
    customerId: "fay",
    paymentMethod: "pm_slow",
    waitFor: WaitFor.RESERVED,
  });
  say(`order ${order.id} is ${stateOf(order)}, and the card provider is slow`);
  const { order: cancelled } = await shop.orders.cancelOrder(
    { id: order.id, reason: "changed my mind" },
    { timeoutMs },
  );
  assert(cancelled !== undefined);
  await sayOrder(shop, say, cancelled);
  expectState(cancelled, Order_State.CANCELLED);
  await expectRefunded(shop, say, order.id);
  await expectStock(shop, say, product, { onHand: 5, reserved: 0 });
}

async function workerKilled({ shop, cleanup, say, replaceWorker }: StoryContext): Promise<void> {
  const count = 40;
  const product = await makeProduct({ shop, cleanup }, count);
  const checkouts = Array.from({ length: count }, (_, index) =>
    checkOut(shop, { ...line(product, 1), customerId: "gus", paymentMethod: index === 0 ? "pm_slow" : "pm_ok" }),
  );
  // Half-way: the first orders have their stock, and the slow card keeps its batch from finishing.
  await until(
    "the first orders to hold their stock",
    async () => {
      const { product: now } = await shop.products.getProduct({ id: product });
      return now !== undefined && now.available < count ? now : undefined;
    },
    { everyMs: 50 },
  );
  const { killed, started } = await replaceWorker();
  say(`${count} checkouts are in progress; worker ${killed} was killed with SIGKILL, worker ${started} takes over`);
  const orders = await Promise.all(checkouts);
  const ids = orders.slice(0, 3).map(({ id }) => id);
  say(`all ${orders.length} orders are COMPLETED: ${ids.join(", ")} …`);
  for (const order of orders) {
    expectState(order, Order_State.COMPLETED);
  }
  await expectStock(shop, say, product, { onHand: 0, reserved: 0 });
}

async function refundedOutside({ shop, cleanup, say, dashboard }: StoryContext): Promise<void> {
  if (dashboard === undefined) {
    return say("left out: the card provider's dashboard cannot be reached from here");
  }
  const product = await makeProduct({ shop, cleanup }, 5);
  const customerId = `hal-${uuidv7()}`;
  cleanup.customer(customerId);
  await shop.notifier.putContact({ customerId, email: `${customerId}@example.com`, name: "Hal" });
  const { id } = await checkOut(shop, { ...line(product, 2), customerId, paymentMethod: "pm_ok" });
  const { id: charge } = await onlyPayment(shop, id);
  await dashboard.refund({ key: charge, charge, amountMinor: 500n });
  await until("the order to hear of the refund", async () => {
    const { order } = await shop.orders.getOrder({ id });
    return order?.refunded?.minorUnits === 500n ? order : undefined;
  });
  await sayRefunds(shop, say, id);
  const { refund } = await shop.orders.refundOrder({ orderId: id }, { timeoutMs });
  say(`a full refund of the order then pays ${refund?.amount === undefined ? "" : formatMoney(refund.amount)}`);
  assert.equal(refund?.amount?.minorUnits, 2000n);
  await sayRefunds(shop, say, id);
  const { subject } = await until("the mail about the first refund", async () => {
    const { messages } = await shop.mailbox.listMailboxMessages({ to: `${customerId}@example.com` });
    return messages.find((mail) => mail.subject.includes("refund"));
  });
  say(`mail in the mailbox: "${subject}"`);
}

async function refundedOutsideAndRefused({ shop, cleanup, say, dashboard }: StoryContext): Promise<void> {
  if (dashboard === undefined) {
    return say("left out: the card provider's dashboard cannot be reached from here");
  }
  const product = await makeProduct({ shop, cleanup }, 5);
  const { id } = await checkOut(shop, {
    ...line(product, 2),
    ...{ customerId: "jo", paymentMethod: "pm_late", waitFor: WaitFor.RESERVED },
    shippingAddress: { ...home, city: "Berlin", postalCode: "00000", countryCode: "DE" },
  });
  const { id: charge } = await onlyPayment(shop, id);
  await dashboard.refund({ key: charge, charge, amountMinor: 500n });
  say(`order ${id}: the merchant refunds $5.00 of its payment ${charge} at the card provider`);
  const order = await until("the order to end", async () => {
    const { order } = await shop.orders.getOrder({ id });
    return order?.state === Order_State.CANCELLED ? order : undefined;
  });
  await sayOrder(shop, say, order);
  const paid = await until("all of the money to be paid back", async () => {
    const { refunds } = await shop.payments.listRefunds({ orderId: id });
    const made = refunds.filter(({ state }) => state === Refund_State.SUCCEEDED);
    return made.reduce((sum, { amount }) => sum + (amount?.minorUnits ?? 0n), 0n) === 2500n ? made : undefined;
  });
  assert.equal(paid.length, 2);
  for (const { amount, source } of paid) {
    say(
      `${amount === undefined ? "" : formatMoney(amount)} was paid back: ${Refund_SourceSchema.value[source]?.localName}`,
    );
  }
  await expectReservation(shop, say, id, Reservation_State.RELEASED);
  await expectStock(shop, say, product, { onHand: 5, reserved: 0 });
}

async function disputed({ shop, cleanup, say, dashboard }: StoryContext): Promise<void> {
  if (dashboard === undefined) {
    return say("left out: the card provider's dashboard cannot be reached from here");
  }
  const product = await makeProduct({ shop, cleanup }, 5);
  for (const decision of ["won", "lost"] as const) {
    const { id } = await checkOut(shop, { ...line(product, 1), customerId: "ivy", paymentMethod: "pm_ok" });
    cleanup.incidents(id);
    const { id: charge } = await onlyPayment(shop, id);
    const disputeId = `dp-${charge}`;
    await dashboard.openDispute({ id: disputeId, charge });
    await sayDispute(shop, say, id, OrderDispute_State.OPEN);
    const { incidents } = await shop.incidents.listIncidents({ orderId: id });
    say(`incident ${incidents[0]?.id}: ${incidents[0]?.error}`);
    const mail = await until("the operators' mail", async () => {
      const { messages } = await shop.mailbox.listMailboxMessages({ to: "operators@sagacart.example" });
      return messages.find(({ subject }) => subject.includes(id));
    });
    say(`mail to the operators: "${mail.subject}"`);
    await dashboard.decideDispute(disputeId, decision);
    await sayDispute(shop, say, id, decision === "won" ? OrderDispute_State.WON : OrderDispute_State.LOST);
    const { payment } = await shop.payments.getPayment({ id: charge });
    say(`payment ${charge}: ${payment?.disputed === undefined ? "" : formatMoney(payment.disputed)} taken by the bank`);
    assert.equal(payment?.disputed?.minorUnits, decision === "won" ? 0n : 1250n);
  }
}

async function onlyPayment(shop: Shop, orderId: string): Promise<Payment> {
  const { payments } = await shop.payments.listPayments({ orderId });
  const [payment] = payments;
  assert(payment !== undefined && payments.length === 1);
  return payment;
}

async function sayRefunds(shop: Shop, say: (line: string) => void, orderId: string): Promise<void> {
  const { refunds } = await shop.orders.listOrderRefunds({ orderId });
  for (const { id, amount, source } of refunds) {
    const from = OrderRefund_SourceSchema.value[source]?.localName.toLowerCase();
    say(`refund ${id} of ${amount === undefined ? "" : formatMoney(amount)}, asked for at the ${from}`);
  }
}

async function sayDispute(
  shop: Shop,
  say: (line: string) => void,
  orderId: string,
  state: OrderDispute_State,
): Promise<void> {
  const dispute = await until("the order to hear of the dispute", async () => {
    const { order } = await shop.orders.getOrder({ id: orderId });
    return order?.disputes.find((dispute) => dispute.state === state);
  });
  const amount = dispute.amount === undefined ? "" : formatMoney(dispute.amount);
  say(`order ${orderId}: dispute ${dispute.id} of ${amount} is ${OrderDispute_StateSchema.value[state]?.localName}`);
}

async function makeProduct({ shop, cleanup }: Pick<StoryContext, "shop" | "cleanup">, onHand: number): Promise<string> {
  const { product } = await shop.products.createProduct({
    product: { title: "Demo mug", price: { currencyCode: "USD", minorUnits: 1250n } },
    initialOnHand: onHand,
  });
  assert(product !== undefined);
  cleanup.product(product.id);
  return product.id;
}

function line(productId: string, quantity: number) {
  return { lines: [{ productId, quantity }] };
}

/** Checks out and waits as the request asks. */
async function checkOut(shop: Shop, request: Parameters<Shop["orders"]["checkout"]>[0]): Promise<Order> {
  const orderId = uuidv7();
  const identified = { ...request, orderId, requestId: orderId };
  const { order } = await shop.orders.checkout(identified, { timeoutMs });
  assert(order !== undefined);
  return order;
}

async function sayOrder(shop: Shop, say: (line: string) => void, order: Order): Promise<void> {
  const { changes } = await shop.orders.getOrder({ id: order.id });
  const states = changes.map(({ state }) => stateOf({ ...order, state })).join(" → ");
  const total = order.total === undefined ? "" : `, ${formatMoney(order.total)}`;
  say(`order ${order.id}${total}: ${states}${order.outcomeReason === "" ? "" : ` (${order.outcomeReason})`}`);
}

function expectState(order: Order, state: Order_State): void {
  assert.equal(order.state, state, `order ${order.id} is ${stateOf(order)}`);
}

async function expectStock(
  shop: Shop,
  say: (line: string) => void,
  productId: string,
  expected: { onHand: number; reserved: number },
): Promise<void> {
  const { product } = await shop.products.getProduct({ id: productId });
  say(`product ${productId}: ${product?.onHand} on hand, ${product?.reserved} reserved`);
  assert.deepEqual({ onHand: product?.onHand, reserved: product?.reserved }, expected);
}

async function expectReservation(
  shop: Shop,
  say: (line: string) => void,
  orderId: string,
  state: Reservation_State,
): Promise<void> {
  const { reservation } = await shop.stock.getReservation({ id: orderId });
  assert.equal(reservation?.state, state);
  say(`reservation ${orderId} was released`);
}

async function expectRefunded(shop: Shop, say: (line: string) => void, orderId: string): Promise<void> {
  const { payments } = await shop.payments.listPayments({ orderId });
  const [payment] = payments;
  assert.equal(payment?.state, Payment_State.VOIDED);
  // The provider may still be capturing the payment; a captured amount is refunded.
  const { refunds } = await shop.payments.listRefunds({ orderId });
  const settled = refunds.filter(({ state }) => state === Refund_State.SUCCEEDED);
  const how = settled.map(({ id, amount }) => `refund ${id} of ${amount === undefined ? "" : formatMoney(amount)}`);
  say(`payment ${payment.id} is voided${how.length === 0 ? ", nothing was captured" : `: ${how.join(", ")}`}`);
}
