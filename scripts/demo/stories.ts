import assert from "node:assert/strict";
import { formatMoney } from "@sagacart/chassis/money";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { Payment_State, Refund_State } from "@sagacart/proto/payment/v1/payment";
import { Shipment_State } from "@sagacart/proto/shipping/v1/shipment";
import { Reservation_State } from "@sagacart/proto/stock/v1/reservation";
import { until } from "../until.ts";
import { type Shop, stateOf } from "./shop.ts";

/** The arguments of a story. */
export type StoryContext = {
  readonly shop: Shop;
  /** The gateway's URL: `http://127.0.0.1:8080`. */
  readonly origin: string;
  /** The folder for data that the next run needs. */
  readonly stateDirectory: string;
  /** Prints a line. */
  readonly say: (line: string) => void;
  /** Kills the worker with SIGKILL. Returns the process id, or pod name, of it and of its replacement. */
  readonly replaceWorker: () => Promise<{ killed: number | string; started: number | string }>;
};

export type Story = { readonly title: string; readonly run: (context: StoryContext) => Promise<void> };

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
  { title: "Cancelled during payment", run: cancelledWhilePaying },
  { title: "The worker is killed half-way", run: workerKilled },
];

async function goodCheckout({ shop, say }: StoryContext): Promise<void> {
  const product = await makeProduct(shop, 5);
  const customerId = `ada-${uuidv7()}`;
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

async function soldOut({ shop, say }: StoryContext): Promise<void> {
  const product = await makeProduct(shop, 1);
  const customerId = `bea-${uuidv7()}`;
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

async function declined({ shop, say }: StoryContext): Promise<void> {
  const product = await makeProduct(shop, 5);
  const order = await checkOut(shop, { ...line(product, 1), customerId: "cy", paymentMethod: "pm_declined" });
  await sayOrder(shop, say, order);
  expectState(order, Order_State.REJECTED);
  assert.equal(order.outcomeReason, "PAYMENT_DECLINED");
  await expectReservation(shop, say, order.id, Reservation_State.RELEASED);
  await expectStock(shop, say, product, { onHand: 5, reserved: 0 });
}

async function shippingFails({ shop, say }: StoryContext): Promise<void> {
  const product = await makeProduct(shop, 5);
  const order = await checkOut(shop, {
    ...line(product, 1),
    customerId: "dee",
    paymentMethod: "pm_ok",
    shippingAddress: { ...home, postalCode: "00000" },
  });
  await sayOrder(shop, say, order);
  expectState(order, Order_State.CANCELLED);
  await expectRefunded(shop, say, order.id);
  await expectReservation(shop, say, order.id, Reservation_State.RELEASED);
  await expectStock(shop, say, product, { onHand: 5, reserved: 0 });
}

async function paidLater({ shop, say }: StoryContext): Promise<void> {
  const product = await makeProduct(shop, 5);
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

async function cancelledWhilePaying({ shop, say }: StoryContext): Promise<void> {
  const product = await makeProduct(shop, 5);
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

async function workerKilled({ shop, say, replaceWorker }: StoryContext): Promise<void> {
  const count = 40;
  const product = await makeProduct(shop, count);
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

async function makeProduct(shop: Shop, onHand: number): Promise<string> {
  const { product } = await shop.products.createProduct({
    product: { title: "Demo mug", price: { currencyCode: "USD", minorUnits: 1250n } },
    initialOnHand: onHand,
  });
  assert(product !== undefined);
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
