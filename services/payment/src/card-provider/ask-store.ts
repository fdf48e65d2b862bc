import type { Queryable } from "@sagacart/chassis/postgres/pool";
import { type AskTable, claimAsks } from "@sagacart/provider/ask-store";
import { findPayments } from "../payments/payment-store.ts";
import { findRefunds } from "../refunds/refund-store.ts";
import { type Job, jobOfPayment, jobOfRefund } from "./job.ts";

const setAwaited = "asks = greatest(asks, 1)";

export const askPayments: AskTable = {
  name: "payments",
  key: "id",
  keyType: "uuid",
  askTime: "next_ask_time",
  setAwaited,
};

export const askRefunds: AskTable = {
  name: "refunds",
  key: "id",
  keyType: "text",
  askTime: "next_ask_time",
  setAwaited,
};

/** Takes payments and refunds that the card provider is to be asked about (again). */
export async function claimJobs(db: Queryable, options: { limit: number; leaseMs: number }): Promise<Job[]> {
  const payments = await findPayments(db, await claimAsks(db, askPayments, options));
  const refunds = await findRefunds(db, await claimAsks(db, askRefunds, options));
  return [...[...payments.values()].flatMap(jobOfPayment), ...[...refunds.values()].flatMap(jobOfRefund)];
}
