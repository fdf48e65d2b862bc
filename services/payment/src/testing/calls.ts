import { setTimeout } from "node:timers/promises";
import { errorInfo } from "@sagacart/chassis/errors";
import type { Payment } from "@sagacart/proto/payment/v1/payment";
import { BatchChargeResponse_Refused_Reason as Reason } from "@sagacart/proto/payment/v1/payment_service";
import type { TestPayment } from "./stack.ts";

export function usd(minorUnits: bigint) {
  return { currencyCode: "USD", minorUnits };
}

/** Opens an account in USD with a balance. */
export async function fund({ accounts }: TestPayment, customerId: string, minorUnits: bigint): Promise<void> {
  await accounts.batchPutAccounts({ items: [{ customerId, balance: usd(minorUnits) }] });
}

export async function balanceOf({ accounts }: TestPayment, customerId: string): Promise<bigint | undefined> {
  return (await accounts.getAccount({ customerId })).account?.balance?.minorUnits;
}

/** An attempt to charge 100 to ada's balance, unless `other` differs. */
export function attempt(orderId: string, other: Partial<Attempt> = {}): Attempt {
  return { orderId, attempt: 1, customerId: "ada", amount: usd(100n), paymentMethod: "", ...other };
}

export type Attempt = {
  orderId: string;
  attempt: number;
  customerId: string;
  amount: { currencyCode: string; minorUnits: bigint };
  paymentMethod: string;
};

/** Charges a batch, and returns its outcomes as words: "captured", "waits", "DECLINED no_account", "VOIDED". */
export async function chargeAll({ payments }: Pick<TestPayment, "payments">, items: Attempt[]): Promise<string[]> {
  const { outcomes } = await payments.batchCharge({ items });
  return outcomes.map(({ outcome }) =>
    outcome.case === "refused"
      ? `${nameOf(outcome.value.reason)} ${outcome.value.declineReason}`.trim()
      : String(outcome.case),
  );
}

function nameOf(reason: number): string {
  return Object.entries(Reason).find(([, number]) => number === reason)?.[0] ?? String(reason);
}

/** Voids a batch, and returns its outcomes as words: "refunded" if money had been captured, "voided", "waits". */
export async function voidAll(
  { payments }: Pick<TestPayment, "payments">,
  items: { orderId: string; attempt?: number }[],
): Promise<string[]> {
  const { outcomes } = await payments.batchVoid({ items });
  return outcomes.map(({ outcome }) =>
    outcome.case === "voided" && outcome.value.refunded ? "refunded" : String(outcome.case),
  );
}

/** Gets the only payment of an order. */
export async function paymentOf({ payments }: TestPayment, orderId: string): Promise<Payment> {
  const { payments: found } = await payments.listPayments({ orderId });
  const [payment] = found;
  if (payment === undefined || found.length > 1) {
    throw new Error(`order ${orderId} has ${found.length} payments`);
  }
  return payment;
}

/** Waits until nothing is left to ask the card provider, and the inbox is empty. */
export async function untilSettled({ pool }: Pick<TestPayment, "pool">): Promise<void> {
  const endMs = Date.now() + 60_000;
  for (;;) {
    const { rows } = await pool.query(`
      select 'payment' as what, id::text, state from payments where next_ask_time is not null
      union all select 'refund', id, state from refunds where next_ask_time is not null
      union all select 'webhook', id, '' from webhooks where next_try_time is not null`);
    if (rows.length === 0) {
      return;
    }
    if (Date.now() > endMs) {
      throw new Error(`not settled within 60 s: ${JSON.stringify(rows)}`);
    }
    await setTimeout(10);
  }
}

/** Lists the commands recorded so far, oldest first: "PAYMENT_SETTLED order-1 {…}". */
export async function commandsOf({ pool }: TestPayment): Promise<string[]> {
  const { rows } = await pool.query("select kind || ' ' || subject || ' ' || data as text from commands order by id");
  return rows.map(({ text }) => text);
}

/** Lists the types of a payment's events: "captured", "voided", "refunded" … */
export async function eventsOf({ pool }: TestPayment, paymentId: string): Promise<string[]> {
  const { rows } = await pool.query("select type from events where subject = $1 order by sequence", [paymentId]);
  return rows.map(({ type }) => /^sagacart\.payment\.(\w+)\.v1$/.exec(type)?.[1] ?? type);
}

/** Returns the reason that a call fails with; "" if it succeeds. */
export async function reasonOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "",
    (error) => errorInfo(error).reason,
  );
}
