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
export type Teller = {
  readonly shop: Shop;
  /** Where its gateway is: `http://127.0.0.1:8080`. */
  readonly origin: string;
  /** Where what is to outlast the run can be kept. */
  readonly stateDirectory: string;
  /** Tells people one step. */
  readonly say: (line: string) => void;
  /** Kills the worker with -9, and has another one started. Answers with both processes, or pods. */
  readonly replaceWorker: () => Promise<{ killed: number | string; started: number | string }>;
};

export type Story = { readonly title: string; readonly tell: (teller: Teller) => Promise<void> };

const timeoutMs = 60_000;

const home = {
  recipient: "Ada Lovelace",
  line1: "12 St James's Square",
  city: "London",
  postalCode: "SW1Y 4JH",
  countryCode: "GB",
};

/** Each asserts what it tells: a story that does not come true throws. */
export const stories: readonly Story[] = [
  { title: "A good checkout", tell: goodCheckout },
  { title: "Sold out", tell: soldOut },
  { title: "Declined", tell: declined },
  { title: "Shipping fails", tell: shippingFails },
  { title: "Paid later", tell: paidLater },
  { title: "Cancelled while paying", tell: cancelledWhilePaying },
  { title: "The worker is killed in the middle", tell: workerKilled },
];

async function goodCheckout({ shop, say }: Teller): Promise<void> {
  const product = await makeProduct(shop, 5);
  const customerId = `ada-${uuidv7()}`;
  await shop.notifier.putContact({ customerId, email: `${customerId}@example.com`, name: "Ada" });
  const { cart } = await shop.carts.createCart({ customerId, lines: [{ productId: product, quantity: 2 }] });
  assert(cart !== undefined);
  say(`cart ${cart.id} holds 2 of product ${product} (5 on hand)`);
  const order = await checkOut(shop, { customerId, cartId: cart.id, paymentMethod: "pm_ok", shippingAddress: home });
  await tellOrder(shop, say, order);
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

async function soldOut({ shop, say }: Teller): Promise<void> {
  const product = await makeProduct(shop, 1);
  const customerId = `bea-${uuidv7()}`;
  const { cart } = await shop.carts.createCart({ customerId, lines: [{ productId: product, quantity: 2 }] });
  assert(cart !== undefined);
  say(`cart ${cart.id} holds 2 of product ${product} (1 on hand)`);
  const order = await checkOut(shop, { customerId, cartId: cart.id, paymentMethod: "pm_ok" });
  await tellOrder(shop, say, order);
  expectState(order, Order_State.REJECTED);
  const [shortage] = order.shortages;
  say(`short: ${shortage?.productId}, ${shortage?.requested} asked for, ${shortage?.available} there`);
  assert.deepEqual([shortage?.requested, shortage?.available], [2, 1]);
  const { payments } = await shop.payments.listPayments({ orderId: order.id });
  say(`payments: ${payments.length}; nobody is charged for what is not there`);
  assert.equal(payments.length, 0);
  const { cart: after } = await shop.carts.getCart({ id: cart.id });
  say(`cart ${cart.id} is open again, because of ${after?.lastFailureReason}`);
  assert.equal(after?.lastFailureReason, "OUT_OF_STOCK");
}

async function declined({ shop, say }: Teller): Promise<void> {
  const product = await makeProduct(shop, 5);
  const order = await checkOut(shop, { ...line(product, 1), customerId: "cy", paymentMethod: "pm_declined" });
  await tellOrder(shop, say, order);
  expectState(order, Order_State.REJECTED);
  assert.equal(order.outcomeReason, "PAYMENT_DECLINED");
  await expectReservation(shop, say, order.id, Reservation_State.RELEASED);
  await expectStock(shop, say, product, { onHand: 5, reserved: 0 });
}

async function shippingFails({ shop, say }: Teller): Promise<void> {
  const product = await makeProduct(shop, 5);
  const order = await checkOut(shop, {
    ...line(product, 1),
    customerId: "dee",
    paymentMethod: "pm_ok",
    shippingAddress: { ...home, postalCode: "00000" },
  });
  await tellOrder(shop, say, order);
  expectState(order, Order_State.CANCELLED);
  await expectPaidBack(shop, say, order.id);
  await expectReservation(shop, say, order.id, Reservation_State.RELEASED);
  await expectStock(shop, say, product, { onHand: 5, reserved: 0 });
}

async function paidLater({ shop, say }: Teller): Promise<void> {
  const product = await makeProduct(shop, 5);
  const order = await checkOut(shop, { ...line(product, 1), customerId: "eve", payLater: true });
  say(`order ${order.id} is ${stateOf(order)}; its stock is held`);
  expectState(order, Order_State.AWAITING_PAYMENT);
  const first = await shop.orders.payOrder({ id: order.id, paymentMethod: "pm_no_funds" }, { timeoutMs });
  assert(first.order !== undefined);
  say(`a first try to pay was declined: ${first.order.payment?.declineReason}; the order still waits`);
  expectState(first.order, Order_State.AWAITING_PAYMENT);
  const second = await shop.orders.payOrder({ id: order.id, paymentMethod: "pm_ok" }, { timeoutMs });
  assert(second.order !== undefined);
  await tellOrder(shop, say, second.order);
  expectState(second.order, Order_State.COMPLETED);
}

async function cancelledWhilePaying({ shop, say }: Teller): Promise<void> {
  const product = await makeProduct(shop, 5);
  const order = await checkOut(shop, {
    ...line(product, 1),
    customerId: "fay",
    paymentMethod: "pm_slow",
    waitFor: WaitFor.RESERVED,
  });
  say(`order ${order.id} is ${stateOf(order)}, and the card provider takes its time`);
  const { order: cancelled } = await shop.orders.cancelOrder(
    { id: order.id, reason: "changed my mind" },
    { timeoutMs },
  );
  assert(cancelled !== undefined);
  await tellOrder(shop, say, cancelled);
  expectState(cancelled, Order_State.CANCELLED);
  await expectPaidBack(shop, say, order.id);
  await expectStock(shop, say, product, { onHand: 5, reserved: 0 });
}

async function workerKilled({ shop, say, replaceWorker }: Teller): Promise<void> {
  const count = 40;
  const product = await makeProduct(shop, count);
  const checkouts = Array.from({ length: count }, (_, index) =>
    checkOut(shop, { ...line(product, 1), customerId: "gus", paymentMethod: index === 0 ? "pm_slow" : "pm_ok" }),
  );
  // In the middle: the first orders have their stock, and none of them can be through, since one card is slow.
  await until(
    "the first orders to hold their stock",
    async () => {
      const { product: now } = await shop.products.getProduct({ id: product });
      return now !== undefined && now.available < count ? now : undefined;
    },
    { everyMs: 50 },
  );
  const { killed, started } = await replaceWorker();
  say(`${count} checkouts are under way; worker ${killed} was killed with -9, worker ${started} goes on`);
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

/** Checks out and follows the order until it is as far as was asked, however long that takes. */
async function checkOut(shop: Shop, request: Parameters<Shop["orders"]["checkout"]>[0]): Promise<Order> {
  const orderId = uuidv7();
  const asked = { ...request, orderId, requestId: orderId };
  const { order } = await shop.orders.checkout(asked, { timeoutMs });
  assert(order !== undefined);
  return order;
}

async function tellOrder(shop: Shop, say: (line: string) => void, order: Order): Promise<void> {
  const { changes } = await shop.orders.getOrder({ id: order.id });
  const way = changes.map(({ state }) => stateOf({ ...order, state })).join(" → ");
  const total = order.total === undefined ? "" : `, ${formatMoney(order.total)}`;
  say(`order ${order.id}${total}: ${way}${order.outcomeReason === "" ? "" : ` (${order.outcomeReason})`}`);
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

async function expectPaidBack(shop: Shop, say: (line: string) => void, orderId: string): Promise<void> {
  const { payments } = await shop.payments.listPayments({ orderId });
  const [payment] = payments;
  assert.equal(payment?.state, Payment_State.VOIDED);
  // The provider may still be on the way to capturing it; what it captures is then paid back.
  const { refunds } = await shop.payments.listRefunds({ orderId });
  const paidBack = refunds.filter(({ state }) => state === Refund_State.SUCCEEDED);
  const how = paidBack.map(({ id, amount }) => `refund ${id} of ${amount === undefined ? "" : formatMoney(amount)}`);
  say(`payment ${payment.id} is undone${how.length === 0 ? ", nothing had been captured" : `: ${how.join(", ")}`}`);
}
