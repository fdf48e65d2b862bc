import { testCurrency } from "@sagacart/chassis/currencies";
import { errorInfo } from "@sagacart/chassis/errors";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { Payment_State } from "@sagacart/proto/payment/v1/payment";
import { Shipment_State } from "@sagacart/proto/shipping/v1/shipment";
import { Reservation_State } from "@sagacart/proto/stock/v1/reservation";
import type { Services } from "../clients.ts";
import type { SyntheticOrder, SyntheticSteps } from "../sagas/steps.ts";
import { enumName } from "./enum-name.ts";
import { withFailures } from "./failures.ts";

const productId = "synthetic-checkout";
const customers = { COMPLETED: "synthetic-buyer", REJECTED: "synthetic-pauper" } as const;
const price = { currencyCode: testCurrency, minorUnits: 100n };

/** The activities of the gate, over these services. */
export function createSyntheticSteps(services: Services): SyntheticSteps {
  const { saga, products, accounts } = services;
  return withFailures<SyntheticSteps>({
    async placeSynthetic({ owner, orders }) {
      await products.batchPutProducts({
        items: [{ product: { id: productId, title: "Synthetic checkout: not for sale", price }, onHand: 1_000 }],
      });
      await accounts.batchPutAccounts({
        items: [
          // More than enough: the orders of an earlier try may still be paid.
          { customerId: customers.COMPLETED, balance: { ...price, minorUnits: 1_000n * price.minorUnits } },
          { customerId: customers.REJECTED, balance: { ...price, minorUnits: 0n } },
        ],
      });
      for (const { orderId, endsAs } of orders) {
        const lines = [{ productId, quantity: 1 }];
        const customerId = customers[endsAs];
        await saga.placeOrder({ workflowId: owner, checkout: { orderId, customerId, lines, expectedTotal: price } });
      }
    },

    async judgeSynthetic({ owner, orders }) {
      const problems = await Promise.all(orders.map((order) => judge(services, owner, order)));
      return problems.flat();
    },
  });
}

async function judge(services: Services, owner: string, { orderId, endsAs }: SyntheticOrder): Promise<string[]> {
  const { order } = await services.orders.getOrder({ id: orderId });
  if (order?.state !== Order_State[endsAs]) {
    return [`order ${orderId} is ${enumName(Order_State, order?.state ?? 0)}, not ${endsAs}`];
  }
  const problems: string[] = [];
  if (order.workflowId !== owner) {
    problems.push(`order ${orderId} is owned by ${order.workflowId}, not by this version's ${owner}`);
  }
  const isSold = endsAs === "COMPLETED";
  const { payments } = await services.payment.listPayments({ orderId });
  const captured = payments.filter(({ state }) => state === Payment_State.CAPTURED).map(({ amount }) => amount);
  const taken = captured.reduce((sum, amount) => sum + (amount?.minorUnits ?? 0n), 0n);
  if (captured.length !== (isSold ? 1 : 0) || taken !== (isSold ? price.minorUnits : 0n)) {
    problems.push(
      `order ${orderId} is ${endsAs} with ${captured.length} captured payments of ${taken} ${testCurrency}`,
    );
  }
  const { reservation } = await services.stock.getReservation({ id: orderId });
  const held = isSold ? Reservation_State.COMMITTED : Reservation_State.RELEASED;
  if (reservation?.state !== held) {
    problems.push(
      `order ${orderId} is ${endsAs} with its stock ${enumName(Reservation_State, reservation?.state ?? 0)}`,
    );
  }
  const shipment = await shipmentOf(services, orderId);
  if ((shipment === Shipment_State.ACCEPTED) !== isSold) {
    problems.push(`order ${orderId} is ${endsAs} with its shipment ${enumName(Shipment_State, shipment)}`);
  }
  return problems;
}

async function shipmentOf({ shipping }: Services, orderId: string): Promise<Shipment_State> {
  try {
    return (await shipping.getShipment({ orderId })).shipment?.state ?? Shipment_State.UNSPECIFIED;
  } catch (error) {
    if (errorInfo(error).reason === "SHIPMENT_NOT_FOUND") {
      return Shipment_State.UNSPECIFIED;
    }
    throw error;
  }
}
