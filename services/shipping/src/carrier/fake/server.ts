import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout } from "node:timers/promises";
import { asObject } from "../webhook.ts";
import { type Behaviour, behaviourOf, type FaultTimes } from "./faults.ts";
import type { CarrierShipment, FakeStore } from "./store.ts";

export type AnswerOptions = {
  store: FakeStore;
  apiKey: string;
  times: FaultTimes;
  /** Called when there may be webhooks to send. */
  onWebhooks: () => void;
};

/**
 * A carrier for the laptop and for tests.
 *
 * - `PUT /shipments/{key}` with an address takes a shipment, once per key: 200 accepted or refused, 202 pending, 409
 *   cancelled, 422 for another address.
 * - `DELETE /shipments/{key}` gives it back: 200 cancelled, 404 unknown, 409 on_its_way.
 * - `POST /shipments/{key}/dispatch` sends it on its way.
 * - `GET /shipments` tells all it has, for tests and audits.
 */
export function createFakeCarrier(options: AnswerOptions): Server {
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
  if (!isSame(request.headers.authorization ?? "", `Bearer ${apiKey}`)) {
    return { code: 401, body: { error: "the API key is wrong" } };
  }
  const { pathname } = new URL(request.url ?? "/", "http://carrier");
  const [, key = "", rest] = /^\/shipments(?:\/([A-Za-z0-9._~-]{1,63})(\/dispatch)?)?$/.exec(pathname) ?? [];
  switch (`${request.method} ${rest ?? (key === "" ? pathname : "/shipment")}`) {
    case "GET /shipments":
      return { code: 200, body: { shipments: store.list() } };
    case "PUT /shipment":
      return await take(options, key, await readText(request));
    case "DELETE /shipment":
      return cancel(store, key);
    case "POST /dispatch":
      store.dispatch(key);
      return { code: 200, body: {} };
    default:
      return { code: 404, body: { error: `there is no ${request.method} ${pathname}` } };
  }
}

async function take(options: AnswerOptions, key: string, address: string): Promise<Answer | "lost"> {
  const { store, times } = options;
  const known = store.get(key);
  if (known !== undefined) {
    store.countAsk(key);
    return known.address === address
      ? answerOf(known)
      : { code: 422, body: { error: "the key was used with another address" } };
  }
  const postalCode = readPostalCode(address);
  if (postalCode === undefined) {
    return { code: 400, body: { error: "the body is no address with a postalCode" } };
  }
  const behaviour = behaviourOf(postalCode, times);
  if (behaviour.failures > 0 && store.countFailure(key) <= behaviour.failures) {
    return { code: 503, body: { error: "the carrier is down" } };
  }
  return await takeFirst(options, { key, address, behaviour });
}

async function takeFirst(
  { store, onWebhooks }: AnswerOptions,
  { key, address, behaviour }: { key: string; address: string; behaviour: Behaviour },
): Promise<Answer | "lost"> {
  const { refusal = "", webhooks, answerMs, losesAnswer } = behaviour;
  const nowMs = Date.now();
  const decideMs = nowMs + behaviour.decideMs;
  const webhookMs = nowMs + Math.max(behaviour.decideMs, answerMs);
  const taken = store.add({ key, address, refusal, decideMs, webhooks, webhookMs });
  onWebhooks();
  if (losesAnswer) {
    return "lost";
  }
  await setTimeout(answerMs);
  // It may have been cancelled meanwhile.
  return answerOf(store.get(key) ?? taken);
}

function cancel(store: FakeStore, key: string): Answer {
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

function readPostalCode(address: string): string | undefined {
  try {
    const postalCode = asObject(JSON.parse(address))?.postalCode;
    return typeof postalCode === "string" ? postalCode : undefined;
  } catch {
    return undefined;
  }
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
