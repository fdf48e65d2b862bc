import { errorInfo } from "@sagacart/chassis/errors";
import type { Order } from "@sagacart/proto/order/v1/order";
import type { Clients } from "./services.ts";

/** Returns an order; undefined if there is none. */
export async function findOrder({ orders }: Pick<Clients, "orders">, id: string): Promise<Order | undefined> {
  try {
    return (await orders.getOrder({ id })).order;
  } catch (error) {
    if (errorInfo(error).reason === "ORDER_NOT_FOUND") {
      return undefined;
    }
    throw error;
  }
}
