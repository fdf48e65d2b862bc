import type { Queryable } from "@sagacart/chassis/postgres/pool";
import { type AskTable, claimAsks } from "@sagacart/provider/ask-store";
import { addressOf } from "../shipments/shipment.ts";
import { findShipments } from "../shipments/shipment-store.ts";
import type { Job } from "./carrier-queue.ts";

export const askShipments: AskTable = {
  name: "shipments",
  key: "order_id",
  keyType: "text",
  askTime: "ask_time",
  setAwaited: "awaited = true",
};

/** Takes shipments that the carrier is to be asked for (again). */
export async function claimJobs(db: Queryable, options: { limit: number; leaseMs: number }): Promise<Job[]> {
  const shipments = await findShipments(db, await claimAsks(db, askShipments, options));
  return [...shipments.values()].flatMap(({ orderId, state, address }) =>
    state === "PENDING" && address !== null ? [{ orderId, address: addressOf(address) }] : [],
  );
}
