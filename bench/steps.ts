import { Order_State } from "@sagacart/proto/order/v1/order";
import type { Move } from "@sagacart/workflows/activities/move";
import type { Services } from "@sagacart/workflows/clients";

/** The parts of an order that the steps need; small, because it is an input of the usual saga's workflow. */
export type OrderToCarry = {
  readonly orderId: string;
  readonly customerId: string;
  readonly currencyCode: string;
  readonly totalMinor: string;
  readonly lines: readonly { readonly productId: string; readonly quantity: number }[];
  readonly city: string;
};

/** The outcome of a step: done, or refused, which ends the order. */
export type StepOutcome = "done" | "refused";

/**
 * The steps of the saga for one order, with the RPCs that the batch saga calls for many. The usual saga runs them as
 * activities, and the plain code calls them in sequence. `owner` is the id of the workflow that owns the order.
 */
export type Steps = {
  reserve(owner: string, order: OrderToCarry): Promise<StepOutcome>;
  charge(owner: string, order: OrderToCarry): Promise<StepOutcome>;
  ship(order: OrderToCarry): Promise<string>;
  complete(owner: string, orderId: string, trackingNumber: string): Promise<void>;
  /** Undoes charge. */
  void(orderId: string): Promise<void>;
  /** Undoes reserve and, as the last compensation, ends the order. */
  release(owner: string, orderId: string): Promise<void>;
};

/** Creates the steps with these services. Each step may be repeated. */
export function createSteps({ saga, stock, payment, shipping }: Services): Steps {
  async function move(workflowId: string, item: Move): Promise<void> {
    const { outcomes } = await saga.batchMove({ workflowId, items: [item] });
    if (outcomes[0]?.state === Order_State.UNSPECIFIED) {
      throw new Error(`order ${item.orderId} is not owned by ${workflowId}`);
    }
  }

  return {
    async reserve(owner, { orderId, lines }) {
      const begun = await saga.batchBegin({ workflowId: owner, orderIds: [orderId] });
      if (begun.outcomes[0]?.outcome.case !== "taken") {
        throw new Error(`order ${orderId} has another owner`);
      }
      const { outcomes } = await stock.batchReserve({ items: [{ orderId, lines: [...lines] }] });
      const outcome = outcomes[0]?.outcome;
      if (outcome?.case === "reserved") {
        // The charge moves it to RESERVED together with its own outcome, as in the batch saga.
        return "done";
      }
      const shortages = outcome?.value?.shortages.map(({ productId, requested, available }) => ({
        productId,
        requested,
        available,
      }));
      const outcomeReason = "OUT_OF_STOCK";
      await move(owner, { orderId, states: [Order_State.REJECTED], outcomeReason, shortages: shortages ?? [] });
      return "refused";
    },

    async charge(owner, { orderId, customerId, currencyCode, totalMinor }) {
      const amount = { currencyCode, minorUnits: BigInt(totalMinor) };
      const { outcomes } = await payment.batchCharge({
        items: [{ orderId, attempt: 1, customerId, amount, paymentMethod: "" }],
      });
      const outcome = outcomes[0]?.outcome;
      switch (outcome?.case) {
        case "captured":
          await move(owner, { orderId, states: [Order_State.RESERVED, Order_State.PAID, Order_State.SHIPPING] });
          return "done";
        case "refused":
          await move(owner, {
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
        throw new Error(`the shipping company has not accepted order ${orderId}`);
      }
      return outcome.value.trackingNumber;
    },

    async complete(owner, orderId, trackingNumber) {
      const { outcomes } = await stock.batchCommit({ orderIds: [orderId] });
      if (outcomes[0]?.outcome.case !== "committed") {
        throw new Error(`the stock of order ${orderId} is not committed`);
      }
      await move(owner, { orderId, states: [Order_State.COMPLETED], trackingNumber });
    },

    async void(orderId) {
      const { outcomes } = await payment.batchVoid({ items: [{ orderId, attempt: 0 }] });
      if (outcomes[0]?.outcome.case !== "voided") {
        throw new Error(`the payment of order ${orderId} is not voided yet`);
      }
    },

    async release(owner, orderId) {
      await stock.batchRelease({ orderIds: [orderId] });
      await move(owner, { orderId, states: [Order_State.REJECTED] });
    },
  };
}

/** The city that orders are shipped to; "" means pickup. */
export const shippingCity = "Hamburg";

export function addressIn(city: string) {
  return { recipient: "Ada", line1: "Kai 1", city, postalCode: "20457", countryCode: "DE" };
}
