import { errorInfo } from "@sagacart/chassis/errors";
import { testCurrency } from "@sagacart/chassis/money";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { Payment_State } from "@sagacart/proto/payment/v1/payment";
import { Shipment_State } from "@sagacart/proto/shipping/v1/shipment";
import { Reservation_State } from "@sagacart/proto/stock/v1/reservation";
import type { Services } from "../clients.ts";
import { enumName } from "./enum-name.ts";
import { toFailure } from "./failures.ts";

/** An order that nobody wants, and how it must end. */
export type SyntheticOrder = { readonly orderId: string; readonly endsAs: "COMPLETED" | "REJECTED" };

type Synthetic = { readonly carrier: string; readonly orders: readonly SyntheticOrder[] };

/** What the gate does besides the checkout itself. Each is safe to repeat. */
export type SyntheticSteps = {
  /** Has the product and the customers be there, and places the orders in the hands of their carrier. */
  placeSynthetic(input: Synthetic): Promise<void>;
  /** What of the orders is not as it must be, in all the services; a sentence each, none where all is well. */
  judgeSynthetic(input: Synthetic): Promise<readonly string[]>;
};

const productId = "synthetic-checkout";
const customers = { COMPLETED: "synthetic-buyer", REJECTED: "synthetic-pauper" } as const;
const price = { currencyCode: testCurrency, minorUnits: 100n };

/** The gate's activities, over these services. */
export function createSyntheticSteps(services: Services): SyntheticSteps {
  const { saga, products, accounts } = services;
  return {
    placeSynthetic: ({ carrier, orders }) =>
      asFailure(async () => {
        await products.batchPutProducts({
          items: [{ product: { id: productId, title: "Nothing: the shop tries itself", price }, onHand: 1_000 }],
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
          await saga.placeOrder({
            workflowId: carrier,
            checkout: { orderId, customerId, lines, expectedTotal: price },
          });
        }
      }),

    judgeSynthetic: ({ carrier, orders }) =>
      asFailure(async () => {
        const wrong = await Promise.all(orders.map((order) => judge(services, carrier, order)));
        return wrong.flat();
      }),
  };
}

async function judge(services: Services, carrier: string, { orderId, endsAs }: SyntheticOrder): Promise<string[]> {
  const { order } = await services.orders.getOrder({ id: orderId });
  if (order?.state !== Order_State[endsAs]) {
    return [`order ${orderId} is ${enumName(Order_State, order?.state ?? 0)}, not ${endsAs}`];
  }
  const wrong: string[] = [];
  if (order.workflowId !== carrier) {
    wrong.push(`order ${orderId} was carried by ${order.workflowId}, not by this version's ${carrier}`);
  }
  const isSold = endsAs === "COMPLETED";
  const { payments } = await services.payment.listPayments({ orderId });
  const captured = payments.filter(({ state }) => state === Payment_State.CAPTURED).map(({ amount }) => amount);
  const taken = captured.reduce((sum, amount) => sum + (amount?.minorUnits ?? 0n), 0n);
  if (captured.length !== (isSold ? 1 : 0) || taken !== (isSold ? price.minorUnits : 0n)) {
    wrong.push(`order ${orderId} is ${endsAs} with ${captured.length} captured payments of ${taken} ${testCurrency}`);
  }
  const { reservation } = await services.stock.getReservation({ id: orderId });
  const held = isSold ? Reservation_State.COMMITTED : Reservation_State.RELEASED;
  if (reservation?.state !== held) {
    wrong.push(`order ${orderId} is ${endsAs} with its stock ${enumName(Reservation_State, reservation?.state ?? 0)}`);
  }
  const shipment = await shipmentOf(services, orderId);
  if ((shipment === Shipment_State.ACCEPTED) !== isSold) {
    wrong.push(`order ${orderId} is ${endsAs} with its shipment ${enumName(Shipment_State, shipment)}`);
  }
  return wrong;
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

async function asFailure<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw toFailure(error);
  }
}
