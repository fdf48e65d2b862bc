import { randomUUID } from "node:crypto";
import type { ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { enumName } from "@sagacart/workflows/activities/enum-name";
import { connectServices } from "@sagacart/workflows/clients";
import { Client, Connection } from "@temporalio/client";
import type { Ask } from "../mix.ts";
import type { Way } from "../options.ts";
import { addressIn, createSteps, type OrderToCarry, shippingCity } from "../steps.ts";
import type { Surroundings } from "../surroundings.ts";
import { usualTaskQueue } from "../usual/task-queue.ts";
import type { usualCheckout } from "../usual/workflow.ts";
import { connectCheckout } from "./checkout-client.ts";

/** Buys an order. Returns COMPLETED or the reason why it was refused. */
export type Buy = (ask: Ask) => Promise<string>;

/** The ways to buy, each implemented as its callers would do it. */
export async function createWays(
  { addresses, temporal }: Surroundings,
  tokens: { readonly ofWorker: ServiceTokens | undefined; readonly ofCallers: ServiceTokens | undefined },
  carrier: boolean,
): Promise<Record<Way, Buy>> {
  const { services } = connectServices(addresses, createMetrics("bench-callers"), tokens.ofWorker);
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, namespace: temporal.namespace });
  const steps = createSteps(services);
  const checkout = connectCheckout(addresses.ORDER_ADDRESS, tokens.ofCallers);

  async function checkOut({ customerId, lines }: Ask, waitFor: WaitFor): Promise<Order> {
    const request = {
      customerId,
      lines: [...lines],
      waitFor,
      waitAtMost: { seconds: 110n },
      requestId: randomUUID(),
      ...(carrier ? { shippingAddress: addressIn(shippingCity) } : {}),
    };
    const { order } = await checkout(request);
    if (order === undefined) {
      throw new Error("a checkout was answered without an order");
    }
    return order;
  }

  return {
    async batch(ask) {
      const { state, outcomeReason } = await checkOut(ask, WaitFor.COMPLETED);
      return state === Order_State.REJECTED ? outcomeReason : enumName(Order_State, state);
    },

    async usual(ask) {
      const order = toCarry(await checkOut(ask, WaitFor.ACCEPTED), carrier);
      return await client.workflow.execute<typeof usualCheckout>("usualCheckout", {
        args: [order],
        workflowId: `usual-${order.orderId}`,
        taskQueue: usualTaskQueue,
      });
    },

    async plain(ask) {
      const order = toCarry(await checkOut(ask, WaitFor.ACCEPTED), carrier);
      const { orderId } = order;
      const carriedBy = `plain-${orderId}`;
      if ((await steps.reserve(carriedBy, order)) === "refused") {
        return "OUT_OF_STOCK";
      }
      if ((await steps.charge(carriedBy, order)) === "refused") {
        await steps.void(orderId);
        await steps.release(carriedBy, orderId);
        return "PAYMENT_DECLINED";
      }
      const trackingNumber = await steps.ship(order);
      await steps.complete(carriedBy, orderId, trackingNumber);
      return "COMPLETED";
    },
  };
}

function toCarry({ id, customerId, lines, total }: Order, carrier: boolean): OrderToCarry {
  return {
    orderId: id,
    customerId,
    currencyCode: total?.currencyCode ?? "",
    totalMinor: (total?.minorUnits ?? 0n).toString(),
    lines: lines.map(({ productId, quantity }) => ({ productId, quantity })),
    city: carrier ? shippingCity : "",
  };
}
