import { randomUUID } from "node:crypto";
import type { Answer } from "@sagacart/provider/fake/fake-server";
import type { JsonFields } from "@sagacart/provider/json";
import type { ChargeStore } from "./charge-store.ts";
import { readAmount, readDelivery } from "./read.ts";

/** How a dispute stands at the provider. */
type DisputeState = "opened" | "won" | "lost";

/** A dispute as the fake stores it. */
type ProviderDispute = {
  readonly id: string;
  readonly charge: string;
  readonly amountMinor: bigint;
  readonly reason: string;
  readonly state: DisputeState;
};

export type DisputeContext = { readonly store: ChargeStore; readonly sendWebhooks: () => void };

/**
 * Opens a dispute of a captured charge, as a customer's bank does: of the whole charge unless the body has an amount. Once
 * for its id; the shop gets the webhook `dispute.opened`.
 */
export function openDispute(context: DisputeContext, id: string, body: JsonFields | undefined): Answer {
  const { store } = context;
  const key = typeof body?.charge === "string" ? body.charge : "";
  const charge = store.get(key);
  if (charge?.status !== "captured" || charge.content === undefined) {
    return { code: 409, body: { error: `there is no captured charge ${key}` } };
  }
  const known = find(store, id);
  if (known === undefined) {
    const amountMinor = readAmount(body?.amountMinor) ?? charge.content.amountMinor;
    const reason = typeof body?.reason === "string" ? body.reason : "fraudulent";
    store.db
      .prepare("insert into disputes (id, charge, amount, reason, state) values (?, ?, ?, ?, 'opened')")
      .run(id, key, amountMinor, reason);
    tell(context, id, readDelivery(body));
  }
  return { code: 200, body: { id, status: find(store, id)?.state ?? "opened" } };
}

/** Decides a dispute, once: the shop gets the webhook `dispute.won` or `dispute.lost`. */
export function decideDispute(
  context: DisputeContext,
  { id, state, body }: { id: string; state: "won" | "lost"; body: JsonFields | undefined },
): Answer {
  const { store } = context;
  const known = find(store, id);
  if (known === undefined) {
    return { code: 404, body: { error: `there is no dispute ${id}` } };
  }
  if (known.state === "opened") {
    store.db.prepare("update disputes set state = ? where id = ?").run(state, id);
    tell(context, id, readDelivery(body));
  }
  return { code: 200, body: { id, status: find(store, id)?.state ?? state } };
}

function find(store: ChargeStore, id: string): ProviderDispute | undefined {
  const row = store.db.prepare("select * from disputes where id = ?").get(id);
  const state = states.find((state) => state === row?.state);
  return row === undefined || state === undefined
    ? undefined
    : {
        ...{ id, state, charge: String(row.charge), reason: String(row.reason) },
        amountMinor: BigInt(Number(row.amount)),
      };
}

const states = ["opened", "won", "lost"] as const;

function tell(
  { store, sendWebhooks }: DisputeContext,
  id: string,
  { webhooks, delayMs }: { webhooks: number; delayMs: number },
): void {
  const dispute = find(store, id);
  const charge = store.get(dispute?.charge ?? "");
  if (dispute === undefined || charge === undefined) {
    throw new Error(`dispute ${id} was changed but is gone`);
  }
  const data = {
    key: charge.key,
    chargeId: charge.chargeId,
    disputeId: id,
    currency: charge.content?.currency ?? "",
    amountMinor: dispute.amountMinor.toString(),
    reason: dispute.reason,
  };
  const body = JSON.stringify({ id: `evt_${randomUUID()}`, type: `dispute.${dispute.state}`, data });
  for (let sent = 0; sent < webhooks; sent++) {
    store.addWebhook(`dispute ${id}`, body, Date.now() + delayMs);
  }
  sendWebhooks();
}
