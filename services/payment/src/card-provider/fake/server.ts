import { setTimeout } from "node:timers/promises";
import { type Answer, type FakeOptions, type Request, startFake } from "@sagacart/provider/fake/fake-server";
import { parseObject } from "@sagacart/provider/json";
import {
  type ChargeStore,
  type Content,
  type Origin,
  openStore,
  type ProviderCharge,
  type ProviderRefund,
} from "./charge-store.ts";
import { decideDispute, openDispute } from "./disputes.ts";
import { behaviourOf, type FaultTimes, faultsOf } from "./faults.ts";
import { type RefundContent, readContent, readDelivery, readFaults, readRefund } from "./read.ts";

/**
 * Starts a card provider for the laptop and for tests. Amounts are whole minor units, as text.
 *
 * - `PUT /charges/{key}` with a payment method and an amount charges, once per key: 200 captured or declined, 202
 *   pending, 409 cancelled, 422 for other content.
 * - `DELETE /charges/{key}` cancels: 200 cancelled, also for a key that was not asked for yet; a charge that is captured
 *   or declined stays so.
 * - `GET /charges/{key}` reads a charge, with what is left of it and its refunds: 404 unknown.
 * - `PUT /refunds/{key}` with a charge and an amount pays back, once per key: 200 succeeded or refused.
 * - `PUT /dashboard/refunds/{key}` does the same for the merchant, who pays back without the shop: the shop gets the
 *   webhook `charge.refunded`, `webhooks` times and `delayMs` later.
 * - `PUT /dashboard/faults/{charge}` with `{"refund": "charge_disputed"}` refuses each new refund of that charge for good,
 *   likewise `charge`, `cancel` and `read`; `{}` ends it.
 * - `PUT /dashboard/disputes/{id}` with a charge opens a dispute, as the customer's bank does, and
 *   `PUT /dashboard/disputes/{id}/won` or `/lost` decides it: the shop gets the webhooks `dispute.opened`, `dispute.won`
 *   and `dispute.lost`.
 * - `GET /charges` and `GET /totals` list what it has, for tests and audits.
 *
 * Without `dashboard`, what happens outside the shop cannot be asked for.
 */
export async function startFakeCardProvider({
  times,
  dashboard,
  ...options
}: FakeOptions & { times: FaultTimes; dashboard: boolean }): Promise<AsyncDisposable & { readonly url: string }> {
  const store = openStore(options.stateFile);
  return await startFake(options, {
    name: "card-provider",
    store,
    handle: (request, sendWebhooks) => handle({ store, times, dashboard, sendWebhooks }, request),
  });
}

type Context = { store: ChargeStore; times: FaultTimes; dashboard: boolean; sendWebhooks: () => void };

async function handle(context: Context, request: Request): Promise<Answer> {
  const { store } = context;
  const { method, path, body } = request;
  if (path.startsWith("/dashboard/") && !context.dashboard) {
    return { code: 404, body: { error: "the dashboard is switched off: set DASHBOARD=true" } };
  }
  const [, disputeId = "", decision] =
    /^\/dashboard\/disputes\/([A-Za-z0-9._~-]{1,100})(?:\/(won|lost))?$/.exec(path) ?? [];
  if (method === "PUT" && disputeId !== "") {
    const fields = parseObject(body);
    return decision === "won" || decision === "lost"
      ? decideDispute(context, { id: disputeId, state: decision, body: fields })
      : openDispute(context, disputeId, fields);
  }
  const [, what = path, key = ""] =
    /^\/(charges|refunds|dashboard\/refunds|dashboard\/faults)\/([A-Za-z0-9._~-]{1,100})$/.exec(path) ?? [];
  switch (`${method} ${what}`) {
    case "GET /charges":
      return { code: 200, body: { charges: store.list().map(chargeBody) } };
    case "GET /totals":
      return { code: 200, body: { totals: store.totals() } };
    case "PUT charges":
      return await charge(context, key, readContent(parseObject(body)));
    case "DELETE charges":
      return cancel(store, key);
    case "PUT dashboard/faults": {
      const faults = readFaults(parseObject(body));
      if (faults === undefined) {
        return { code: 400, body: { error: "the body does not name calls with the reason why each is refused" } };
      }
      store.setFaults(key, faults);
      return { code: 200, body: faults };
    }
    case "GET charges":
      return read(store, key);
    case "PUT refunds":
      return refund(context, { key, origin: "shop", wanted: readRefund(parseObject(body)), webhooks: 0, delayMs: 0 });
    case "PUT dashboard/refunds": {
      const fields = parseObject(body);
      return refund(context, { key, origin: "merchant", wanted: readRefund(fields), ...readDelivery(fields) });
    }
    default:
      return { code: 404, body: { error: `there is no ${method} ${path}` } };
  }
}

async function charge(
  { store, times, sendWebhooks }: Context,
  key: string,
  content: Content | undefined,
): Promise<Answer> {
  if (content === undefined) {
    return { code: 400, body: { error: "the body has no paymentMethod, currency and amountMinor" } };
  }
  const known = store.get(key);
  if (known !== undefined) {
    store.countAsk(key);
    return known.content === undefined || isSameContent(known.content, content)
      ? answerOf(known)
      : { code: 422, body: { error: "the key was used for something else" } };
  }
  const faults = faultsOf(content.paymentMethod);
  const refusal = store.faultOf(key, "charge") ?? faults.charge;
  if (refusal !== undefined) {
    return refused(refusal);
  }
  const behaviour = behaviourOf(content.paymentMethod, times);
  if (behaviour.failures > 0 && store.countFailure(key) <= behaviour.failures) {
    return { code: 503, body: { error: "the provider is down" } };
  }
  const { refusal: decline, webhooks, answerMs, losesAnswer } = behaviour;
  const decideMs = Date.now() + behaviour.decideMs;
  const webhookMs = Math.max(decideMs, Date.now() + answerMs);
  if (Object.keys(faults).length > 0) {
    store.setFaults(key, faults);
  }
  const taken = store.add({ key, content, decline, decideMs, webhooks, webhookMs });
  sendWebhooks();
  if (losesAnswer) {
    return "lost";
  }
  // A timer may fire a millisecond early.
  await setTimeout(answerMs === 0 ? 0 : answerMs + 5);
  // It may have been cancelled in the meantime.
  return answerOf(store.get(key) ?? taken);
}

/** Refuses a call for good. */
function refused(reason: string): Answer {
  return { code: 422, body: { error: `refused: ${reason}`, reason } };
}

function cancel(store: ChargeStore, key: string): Answer {
  const refusal = store.faultOf(key, "cancel");
  if (refusal !== undefined) {
    return refused(refusal);
  }
  const known = store.get(key);
  if (known === undefined || (known.status !== "cancelled" && Date.now() < known.decideMs)) {
    store.cancel(key);
  }
  const after = store.get(key);
  if (after === undefined) {
    throw new Error(`charge ${key} was cancelled but is gone`);
  }
  return { code: 200, body: answerOf(after).body };
}

function read(store: ChargeStore, key: string): Answer {
  const charge = store.get(key);
  if (charge === undefined || store.faultOf(key, "read") !== undefined) {
    return { code: 404, body: { status: "unknown" } };
  }
  const { body } = answerOf(charge);
  return {
    code: 200,
    body: {
      ...body,
      amountMinor: (charge.content?.amountMinor ?? 0n).toString(),
      leftMinor: leftOf(charge).toString(),
      refunds: store.refundsOf(key).map(({ id, key, origin, amountMinor }) => ({
        id,
        key: origin === "shop" ? key : "",
        amountMinor: amountMinor.toString(),
        status: "succeeded",
      })),
    },
  };
}

function leftOf(charge: ProviderCharge | undefined): bigint {
  const { content, refundedMinor, disputedMinor } = charge ?? {};
  const left = (content?.amountMinor ?? 0n) - (refundedMinor ?? 0n) - (disputedMinor ?? 0n);
  return charge?.status === "captured" && left > 0n ? left : 0n;
}

type WantedRefund = {
  readonly key: string;
  readonly origin: Origin;
  readonly wanted: RefundContent | undefined;
  readonly webhooks: number;
  readonly delayMs: number;
};

function refund({ store, sendWebhooks }: Context, { key, origin, wanted, webhooks, delayMs }: WantedRefund): Answer {
  if (wanted === undefined) {
    return { code: 400, body: { error: "the body has no charge and amountMinor" } };
  }
  const known = store.getRefund(key, origin);
  if (known !== undefined) {
    return known.charge === wanted.charge && known.amountMinor === wanted.amountMinor
      ? refundAnswer(known)
      : { code: 422, body: { error: "the key was used for something else" } };
  }
  const fault = origin === "shop" ? store.faultOf(wanted.charge, "refund") : undefined;
  const reason = fault ?? (wanted.amountMinor > leftOf(store.get(wanted.charge)) ? "more_than_charged" : "");
  const added = store.addRefund(
    { ...wanted, key, origin, reason },
    { webhooks: reason === "" ? webhooks : 0, webhookMs: Date.now() + delayMs },
  );
  sendWebhooks();
  return refundAnswer(added);
}

function refundAnswer({ id, reason }: ProviderRefund): Answer {
  return { code: 200, body: reason === "" ? { status: "succeeded", id } : { status: "refused", reason } };
}

function answerOf({ status, chargeId, reason, decideMs }: ProviderCharge): Exclude<Answer, "lost"> {
  if (status === "cancelled") {
    return { code: 409, body: { status } };
  }
  if (Date.now() < decideMs) {
    return { code: 202, body: { status: "pending" } };
  }
  return { code: 200, body: status === "declined" ? { status, reason } : { status, chargeId } };
}

function chargeBody({ content, refundedMinor, disputedMinor, ...charge }: ProviderCharge) {
  const { paymentMethod = "", currency = "", amountMinor = 0n } = content ?? {};
  return {
    ...charge,
    paymentMethod,
    currency,
    amountMinor: amountMinor.toString(),
    refundedMinor: refundedMinor.toString(),
    disputedMinor: disputedMinor.toString(),
  };
}

function isSameContent(a: Content, b: Content): boolean {
  return a.paymentMethod === b.paymentMethod && a.currency === b.currency && a.amountMinor === b.amountMinor;
}
