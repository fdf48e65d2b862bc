import { Order_State } from "@sagacart/proto/order/v1/order";
import type { Move } from "@sagacart/workflows/activities/move";
import type { Services } from "@sagacart/workflows/clients";

/** An order as the steps need it; small, since the usual saga takes it through its workflow. */
export type OrderToCarry = {
  readonly orderId: string;
  readonly customerId: string;
  readonly currencyCode: string;
  readonly totalMinor: string;
  readonly lines: readonly { readonly productId: string; readonly quantity: number }[];
  readonly city: string;
};

/** The outcome of a step: continue, or refused, which ends the order. */
export type StepOutcome = "done" | "refused";

/**
 * The steps of the saga for one order, each over the RPCs that the batch saga calls for many. The usual saga has them
 * as activities; the plain code calls them one after the other. `carrier` is who carries the order.
 */
export type Steps = {
  reserve(carrier: string, order: OrderToCarry): Promise<StepOutcome>;
  charge(carrier: string, order: OrderToCarry): Promise<StepOutcome>;
  ship(order: OrderToCarry): Promise<string>;
  complete(carrier: string, orderId: string, trackingNumber: string): Promise<void>;
  /** The undo of charge. */
  void(orderId: string): Promise<void>;
  /** The undo of reserve, the last one to be undone: it ends the order. */
  release(carrier: string, orderId: string): Promise<void>;
};

/** The steps over these services. Each may be repeated. */
export function createSteps({ saga, stock, payment, shipping }: Services): Steps {
  async function move(workflowId: string, item: Move): Promise<void> {
    const { outcomes } = await saga.batchMove({ workflowId, items: [item] });
    if (outcomes[0]?.state === Order_State.UNSPECIFIED) {
      throw new Error(`order ${item.orderId} is not carried by ${workflowId}`);
    }
  }

  return {
    async reserve(carrier, { orderId, lines }) {
      const begun = await saga.batchBegin({ workflowId: carrier, orderIds: [orderId] });
      if (begun.outcomes[0]?.outcome.case !== "taken") {
        throw new Error(`order ${orderId} is carried by somebody else`);
      }
      const { outcomes } = await stock.batchReserve({ items: [{ orderId, lines: [...lines] }] });
      const outcome = outcomes[0]?.outcome;
      if (outcome?.case === "reserved") {
        // Moved to RESERVED together with what the charge comes to, as the batch saga does it.
        return "done";
      }
      const shortages = outcome?.value?.shortages.map(({ productId, requested, available }) => ({
        productId,
        requested,
        available,
      }));
      const outcomeReason = "OUT_OF_STOCK";
      await move(carrier, { orderId, states: [Order_State.REJECTED], outcomeReason, shortages: shortages ?? [] });
      return "refused";
    },

    async charge(carrier, { orderId, customerId, currencyCode, totalMinor }) {
      const amount = { currencyCode, minorUnits: BigInt(totalMinor) };
      const { outcomes } = await payment.batchCharge({
        items: [{ orderId, attempt: 1, customerId, amount, paymentMethod: "" }],
      });
      const outcome = outcomes[0]?.outcome;
      switch (outcome?.case) {
        case "captured":
          await move(carrier, { orderId, states: [Order_State.RESERVED, Order_State.PAID, Order_State.SHIPPING] });
          return "done";
        case "refused":
          await move(carrier, {
            orderId,
            states: [Order_State.RESERVED, Order_State.CANCELLING],
            endsAs: Order_State.REJECTED,
            outcomeReason: "PAYMENT_DECLINED",
            outcomeDetail: outcome.value.declineReason,
          });
          return "refused";
        default:
          throw new Error(`the payment of order ${orderId} waits for an external provider, which is not measured here`);
      }
    },

    async ship({ orderId, customerId, city }) {
      const { outcomes } = await shipping.batchCreateShipments({
        items: [{ orderId, customerId, ...(city === "" ? {} : { address: addressIn(city) }) }],
      });
      const outcome = outcomes[0]?.outcome;
      if (outcome?.case !== "accepted") {
        throw new Error(`the carrier has not taken order ${orderId}`);
      }
      return outcome.value.trackingNumber;
    },

    async complete(carrier, orderId, trackingNumber) {
      const { outcomes } = await stock.batchCommit({ orderIds: [orderId] });
      if (outcomes[0]?.outcome.case !== "committed") {
        throw new Error(`the stock of order ${orderId} is not committed`);
      }
      await move(carrier, { orderId, states: [Order_State.COMPLETED], trackingNumber });
    },

    async void(orderId) {
      const { outcomes } = await payment.batchVoid({ items: [{ orderId, attempt: 0 }] });
      if (outcomes[0]?.outcome.case !== "voided") {
        throw new Error(`the payment of order ${orderId} is not void yet`);
      }
    },

    async release(carrier, orderId) {
      await stock.batchRelease({ orderIds: [orderId] });
      await move(carrier, { orderId, states: [Order_State.REJECTED] });
    },
  };
}

/** Where orders go that are not fetched; "" stands for pickup. */
export const shippingCity = "Hamburg";

export function addressIn(city: string) {
  return { recipient: "Ada", line1: "Kai 1", city, postalCode: "20457", countryCode: "DE" };
}
