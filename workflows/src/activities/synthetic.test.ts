import { Code } from "@connectrpc/connect";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { Payment_State } from "@sagacart/proto/payment/v1/payment";
import { Shipment_State } from "@sagacart/proto/shipping/v1/shipment";
import { Reservation_State } from "@sagacart/proto/stock/v1/reservation";
import { expect, test } from "vitest";
import { transientFailure } from "../sagas/steps.ts";
import { anOrder, type Fakes, fakeServices, refusal, rpcsIn } from "../testing/fake-services.ts";
import { createSyntheticSteps } from "./synthetic.ts";

const owner = "synthetic-1";
const captured = { state: Payment_State.CAPTURED, amount: { currencyCode: "XTS", minorUnits: 100n } };

/** Services that agree that an order was sold, or declined, except for what `wrong` says. */
function servicesOf(isSold: boolean, wrong: Fakes & { readonly order?: Partial<Order> } = {}) {
  const order = anOrder("o", isSold ? "COMPLETED" : "REJECTED");
  return fakeServices({
    orders: { getOrder: () => ({ order: { ...order, workflowId: owner, ...wrong.order } }) },
    payment: { listPayments: () => ({ payments: isSold ? [captured] : [{ state: Payment_State.DECLINED }] }) },
    stock: {
      getReservation: () => ({
        reservation: { state: isSold ? Reservation_State.COMMITTED : Reservation_State.RELEASED },
      }),
    },
    shipping: {
      getShipment: () => {
        if (!isSold) throw refusal("SHIPMENT_NOT_FOUND", Code.NotFound);
        return { shipment: { state: Shipment_State.ACCEPTED } };
      },
    },
    ...wrong,
  });
}

async function judge(isSold: boolean, wrong?: Parameters<typeof servicesOf>[1]): Promise<readonly string[]> {
  const { judgeSynthetic } = createSyntheticSteps(servicesOf(isSold, wrong).services);
  return await judgeSynthetic({ owner, orders: [{ orderId: "o", endsAs: isSold ? "COMPLETED" : "REJECTED" }] });
}

test.each([true, false])("nothing is wrong when the services agree (sold: %s)", async (isSold) => {
  expect(await judge(isSold)).toEqual([]);
});

test.each<[string, boolean, Parameters<typeof servicesOf>[1], string]>([
  ["the order's state", true, { order: { state: Order_State.SHIPPING } }, "order o is SHIPPING, not COMPLETED"],
  [
    "the order's owner",
    true,
    { order: { workflowId: "order-o" } },
    "order o is owned by order-o, not by this version's synthetic-1",
  ],
  [
    "a sale that nobody paid",
    true,
    { payment: { listPayments: () => ({}) } },
    "order o is COMPLETED with 0 captured payments of 0 XTS",
  ],
  [
    "a sale that was paid twice",
    true,
    { payment: { listPayments: () => ({ payments: [captured, captured] }) } },
    "order o is COMPLETED with 2 captured payments of 200 XTS",
  ],
  [
    "a sale that was paid with too little",
    true,
    {
      payment: {
        listPayments: () => ({ payments: [{ ...captured, amount: { currencyCode: "XTS", minorUnits: 99n } }] }),
      },
    },
    "order o is COMPLETED with 1 captured payments of 99 XTS",
  ],
  [
    "money taken for a declined order",
    false,
    { payment: { listPayments: () => ({ payments: [captured] }) } },
    "order o is REJECTED with 1 captured payments of 100 XTS",
  ],
  [
    "stock held for a declined order",
    false,
    { stock: { getReservation: () => ({ reservation: { state: Reservation_State.PINNED } }) } },
    "order o is REJECTED with its stock PINNED",
  ],
  [
    "a sale whose stock is not committed",
    true,
    { stock: { getReservation: () => ({}) } },
    "order o is COMPLETED with its stock UNSPECIFIED",
  ],
  [
    "a sale that is not shipped",
    true,
    {
      shipping: {
        getShipment: () => {
          throw refusal("SHIPMENT_NOT_FOUND", Code.NotFound);
        },
      },
    },
    "order o is COMPLETED with its shipment UNSPECIFIED",
  ],
  [
    "a shipment of a declined order",
    false,
    { shipping: { getShipment: () => ({ shipment: { state: Shipment_State.ACCEPTED } }) } },
    "order o is REJECTED with its shipment ACCEPTED",
  ],
])("the gate finds %s", async (_, isSold, wrong, sentence) => {
  expect(await judge(isSold, wrong)).toEqual([sentence]);
});

test("a service that cannot be asked is a transient failure, not a verdict", async () => {
  const getShipment = () => {
    throw refusal("DATABASE_UNAVAILABLE", Code.Unavailable);
  };
  await expect(judge(true, { shipping: { getShipment } })).rejects.toMatchObject({ type: transientFailure });
});

test("the product and the customers are there before the orders, which belong to the gate's own workflow", async () => {
  const { services, calls } = fakeServices({
    products: { batchPutProducts: () => ({}) },
    accounts: { batchPutAccounts: () => ({}) },
    saga: { placeOrder: () => ({}) },
  });
  const { placeSynthetic } = createSyntheticSteps(services);
  await placeSynthetic({
    owner,
    orders: [
      { orderId: "a", endsAs: "COMPLETED" },
      { orderId: "b", endsAs: "REJECTED" },
    ],
  });
  expect(rpcsIn(calls)).toEqual([
    "products.batchPutProducts",
    "accounts.batchPutAccounts",
    "saga.placeOrder",
    "saga.placeOrder",
  ]);
  expect(calls.slice(2)).toMatchObject([
    ["saga.placeOrder", { workflowId: owner, checkout: { orderId: "a", customerId: "synthetic-buyer" } }],
    ["saga.placeOrder", { workflowId: owner, checkout: { orderId: "b", customerId: "synthetic-pauper" } }],
  ]);
});
