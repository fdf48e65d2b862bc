import { setTimeout } from "node:timers/promises";
import { type Answer, type FakeOptions, type Request, startFake } from "@sagacart/provider/fake/fake-server";
import type { Behaviour } from "@sagacart/provider/fake/faults";
import { parseObject } from "@sagacart/provider/json";
import { behaviourOf, type FaultTimes } from "./faults.ts";
import { type CarrierShipment, openStore, type ShipmentStore } from "./shipment-store.ts";

/**
 * Starts a carrier for the laptop and for tests.
 *
 * - `PUT /shipments/{key}` with an address asks for a shipment, once per key: 200 accepted or refused, 202 pending, 409
 *   cancelled, 422 for another address.
 * - `DELETE /shipments/{key}` gives it back: 200 cancelled, 404 unknown, 409 on_its_way.
 * - `POST /shipments/{key}/dispatch` sends it on its way.
 * - `GET /shipments` lists what it has, for tests and audits.
 */
export async function startFakeCarrier({
  times,
  ...options
}: FakeOptions & { times: FaultTimes }): Promise<AsyncDisposable & { readonly url: string }> {
  const store = openStore(options.stateFile);
  return await startFake(options, {
    name: "carrier",
    store,
    handle: (request, sendWebhooks) => handle({ store, times, sendWebhooks }, request),
  });
}

type Context = { store: ShipmentStore; times: FaultTimes; sendWebhooks: () => void };

async function handle(context: Context, { method, path, body }: Request): Promise<Answer> {
  const { store } = context;
  const [, key = "", rest] = /^\/shipments(?:\/([A-Za-z0-9._~-]{1,63})(\/dispatch)?)?$/.exec(path) ?? [];
  switch (`${method} ${rest ?? (key === "" ? path : "/shipment")}`) {
    case "GET /shipments":
      return { code: 200, body: { shipments: store.list() } };
    case "PUT /shipment":
      return await take(context, key, body);
    case "DELETE /shipment":
      return cancel(store, key);
    case "POST /dispatch":
      store.dispatch(key);
      return { code: 200, body: {} };
    default:
      return { code: 404, body: { error: `there is no ${method} ${path}` } };
  }
}

async function take(context: Context, key: string, address: string): Promise<Answer> {
  const { store, times } = context;
  const known = store.get(key);
  if (known !== undefined) {
    store.countAsk(key);
    return known.address === address
      ? answerOf(known)
      : { code: 422, body: { error: "the key was used with another address" } };
  }
  // An address has no postal code in a country without them.
  const { recipient, postalCode = "" } = parseObject(address) ?? {};
  if (typeof recipient !== "string" || typeof postalCode !== "string") {
    return { code: 400, body: { error: "the body is not an address with a recipient" } };
  }
  const behaviour = behaviourOf(postalCode, times);
  if (behaviour.failures > 0 && store.countFailure(key) <= behaviour.failures) {
    return { code: 503, body: { error: "the carrier is down" } };
  }
  return await takeFirst(context, { key, address, behaviour });
}

async function takeFirst(
  { store, sendWebhooks }: Context,
  { key, address, behaviour }: { key: string; address: string; behaviour: Behaviour },
): Promise<Answer> {
  const { refusal, webhooks, answerMs, losesAnswer } = behaviour;
  const nowMs = Date.now();
  const decideMs = nowMs + behaviour.decideMs;
  const webhookMs = nowMs + Math.max(behaviour.decideMs, answerMs);
  const taken = store.add({ key, address, refusal, decideMs, webhooks, webhookMs });
  sendWebhooks();
  if (losesAnswer) {
    return "lost";
  }
  await setTimeout(answerMs);
  // It may have been cancelled in the meantime.
  return answerOf(store.get(key) ?? taken);
}

function cancel(store: ShipmentStore, key: string): Answer {
  switch (store.get(key)?.status) {
    case undefined:
      return { code: 404, body: { status: "unknown" } };
    case "dispatched":
      return { code: 409, body: { status: "on_its_way" } };
    default:
      store.cancel(key);
      return { code: 200, body: { status: "cancelled" } };
  }
}

function answerOf({ status, trackingNumber, reason, decideMs }: CarrierShipment): Answer {
  if (status === "cancelled") {
    return { code: 409, body: { status: "cancelled" } };
  }
  if (Date.now() < decideMs) {
    return { code: 202, body: { status: "pending" } };
  }
  return status === "refused"
    ? { code: 200, body: { status: "refused", reason } }
    : { code: 200, body: { status: "accepted", trackingNumber } };
}
