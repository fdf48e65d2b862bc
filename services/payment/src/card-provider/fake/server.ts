import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout } from "node:timers/promises";
import { parseObject } from "../webhook.ts";
import { behaviourOf, type FaultTimes } from "./faults.ts";
import { readContent, readRefund } from "./read.ts";
import type { Content, FakeStore, ProviderCharge, ProviderRefund } from "./store.ts";

export type AnswerOptions = {
  store: FakeStore;
  apiKey: string;
  times: FaultTimes;
  /** Called when there may be webhooks to send. */
  onWebhooks: () => void;
};

/**
 * A card provider for the laptop and for tests. Amounts are whole minor units, as text.
 *
 * - `PUT /charges/{key}` with a payment method and an amount charges, once per key: 200 captured or declined, 202
 *   pending, 409 cancelled, 422 for other content.
 * - `DELETE /charges/{key}` says not to charge: 200 cancelled, also for one that has not come; what is captured or
 *   declined stays so.
 * - `PUT /refunds/{key}` with a charge and an amount pays back, once per key: 200 succeeded or refused.
 * - `GET /charges` and `GET /totals` tell all it has, for tests and audits; `GET /` that it is there.
 */
export function createFakeProvider(options: AnswerOptions): Server {
  return createServer((request, response) => {
    handle(options, request).then(
      (answer) => (answer === "lost" ? response.destroy() : reply(response, answer)),
      (error) => reply(response, { code: 500, body: { error: String(error) } }),
    );
  });
}

type Answer = { code: number; body: object };

async function handle(options: AnswerOptions, request: IncomingMessage): Promise<Answer | "lost"> {
  const { store, apiKey } = options;
  const { pathname } = new URL(request.url ?? "/", "http://provider");
  if (request.method === "GET" && pathname === "/") {
    return { code: 200, body: { name: "card provider" } };
  }
  if (!isSame(request.headers.authorization ?? "", `Bearer ${apiKey}`)) {
    return { code: 401, body: { error: "the API key is wrong" } };
  }
  const [, what = "", key = ""] = /^\/(charges|refunds)\/([A-Za-z0-9._~-]{1,100})$/.exec(pathname) ?? [];
  switch (`${request.method} ${what === "" ? pathname : what}`) {
    case "GET /charges":
      return { code: 200, body: { charges: store.list().map(chargeBody) } };
    case "GET /totals":
      return { code: 200, body: { totals: store.totals() } };
    case "PUT charges":
      return await charge(options, key, readContent(parseObject(await readText(request))));
    case "DELETE charges":
      return cancel(store, key);
    case "PUT refunds":
      return refund(store, key, readRefund(parseObject(await readText(request))));
    default:
      return { code: 404, body: { error: `there is no ${request.method} ${pathname}` } };
  }
}

async function charge(options: AnswerOptions, key: string, content: Content | undefined): Promise<Answer | "lost"> {
  const { store, times, onWebhooks } = options;
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
  const { decline = "", ...behaviour } = behaviourOf(content.paymentMethod, times);
  if (behaviour.failures > 0 && store.countFailure(key) <= behaviour.failures) {
    return { code: 503, body: { error: "the provider is down" } };
  }
  const { webhooks, answerMs, losesAnswer } = behaviour;
  const decideMs = Date.now() + behaviour.decideMs;
  const webhookMs = Math.max(decideMs, Date.now() + answerMs);
  const taken = store.add({ key, content, decline, decideMs, webhooks, webhookMs });
  onWebhooks();
  if (losesAnswer) {
    return "lost";
  }
  // A timer may be a millisecond early.
  await setTimeout(answerMs === 0 ? 0 : answerMs + 5);
  // It may have been cancelled meanwhile.
  return answerOf(store.get(key) ?? taken);
}

function cancel(store: FakeStore, key: string): Answer {
  const known = store.get(key);
  if (known === undefined || (known.status !== "cancelled" && Date.now() < known.decideMs)) {
    store.cancel(key);
  }
  const after = store.get(key);
  return after === undefined ? { code: 500, body: {} } : { ...answerOf(after), code: 200 };
}

function refund(store: FakeStore, key: string, wanted: Omit<ProviderRefund, "reason"> | undefined): Answer {
  if (wanted === undefined) {
    return { code: 400, body: { error: "the body has no charge and amountMinor" } };
  }
  const known = store.getRefund(key);
  if (known !== undefined) {
    return known.charge === wanted.charge && known.amountMinor === wanted.amountMinor
      ? refundAnswer(known)
      : { code: 422, body: { error: "the key was used for something else" } };
  }
  const charged = store.get(wanted.charge);
  const leftMinor = charged?.status === "captured" ? (charged.content?.amountMinor ?? 0n) - charged.refundedMinor : 0n;
  const added = { ...wanted, reason: wanted.amountMinor > leftMinor ? "more_than_charged" : "" };
  store.addRefund(key, added);
  return refundAnswer(added);
}

function refundAnswer({ reason }: ProviderRefund): Answer {
  return { code: 200, body: reason === "" ? { status: "succeeded" } : { status: "refused", reason } };
}

function answerOf({ status, chargeId, reason, decideMs }: ProviderCharge): Answer {
  if (status === "cancelled") {
    return { code: 409, body: { status } };
  }
  if (Date.now() < decideMs) {
    return { code: 202, body: { status: "pending" } };
  }
  return { code: 200, body: status === "declined" ? { status, reason } : { status, chargeId } };
}

function chargeBody({ content, refundedMinor, ...charge }: ProviderCharge) {
  const { paymentMethod = "", currency = "", amountMinor = 0n } = content ?? {};
  return {
    ...charge,
    paymentMethod,
    currency,
    amountMinor: amountMinor.toString(),
    refundedMinor: refundedMinor.toString(),
  };
}

function isSameContent(a: Content, b: Content): boolean {
  return a.paymentMethod === b.paymentMethod && a.currency === b.currency && a.amountMinor === b.amountMinor;
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > 16_384) {
      throw new Error("the body is too long");
    }
  }
  return text;
}

function reply(response: ServerResponse, { code, body }: Answer): void {
  response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function isSame(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
