import { setTimeout as sleep } from "node:timers/promises";
import type { CallTokens } from "@sagacart/chassis/auth/service-tokens";
import { uuidv7 } from "@sagacart/chassis/uuid";

/** The outcome of one request: the order's state, or the reason of the failure. */
export type Outcome =
  | { readonly kind: "answered"; readonly ms: number; readonly state: string }
  | { readonly kind: "failed"; readonly ms: number; readonly why: string };

/** The outcome of the orders: counts by state, and the ids of accepted orders that did not become final. */
export type Settled = { readonly states: Readonly<Record<string, number>>; readonly lost: readonly string[] };

export type Buyer = {
  /** Customers with more money than they can spend. */
  readonly customers: readonly string[];
  nextOrderId(): string;
  /** Sends one request, once. Never rejects. */
  buy(customerId: string, orderId: string): Promise<Outcome>;
  /** Polls each order until it is final, up to the time limit. An order that was not accepted may be missing. */
  settle(orders: ReadonlyMap<string, "accepted" | "unknown">, withinMs: number): Promise<Settled>;
};

const final = new Set(["STATE_COMPLETED", "STATE_REJECTED", "STATE_CANCELLED", "STATE_EXPIRED"]);

/** Creates products that do not run out and customers who can pay, and buys for them over the gateway. */
export async function createBuyer(options: {
  readonly gateway: string;
  readonly tokens: CallTokens;
  readonly callers: number;
}): Promise<Buyer> {
  const { gateway, tokens, callers } = options;
  const send = async (method: string, path: string, body?: object, headers: Record<string, string> = {}) => {
    const authorization = (await tokens.authorization()) ?? "";
    return await fetch(new URL(path, gateway), {
      method,
      headers: { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
  };
  const prepare = async (path: string, body: object) => {
    const key = uuidv7();
    for (let attempt = 1; ; attempt += 1) {
      const failure = await send("POST", path, body, { "idempotency-key": key }).then(
        async (response) => (response.ok ? undefined : `${response.status} ${await response.text()}`),
        (error: unknown) => reasonOf(error),
      );
      if (failure === undefined) return;
      if (attempt === 30) throw new Error(`POST ${path} failed 30 times: ${failure}`);
      await sleep(1_000);
    }
  };
  const products = Array.from({ length: 4 }, () => uuidv7());
  for (const id of products) {
    const price = { currencyCode: "USD", minorUnits: "100" };
    await prepare("/v1/products", { product: { id, title: "Load", price }, initialOnHand: 10_000_000 });
  }
  const customers = Array.from({ length: callers }, () => uuidv7());
  for (const customerId of customers) {
    await prepare("/v1/accounts", { customerId, currencyCode: "USD" });
    const amount = { currencyCode: "USD", minorUnits: "1000000000" };
    await prepare(`/v1/accounts/${customerId}:deposit`, { amount });
  }
  let sent = 0;
  return {
    customers,
    nextOrderId: () => uuidv7(),
    async buy(customerId, orderId) {
      const startedAt = performance.now();
      const lines = [{ productId: products[sent++ % products.length], quantity: 1 }];
      const since = () => performance.now() - startedAt;
      try {
        const response = await send(
          "POST",
          "/v1/orders",
          { orderId, customerId, lines },
          { "idempotency-key": orderId },
        );
        const text = await response.text();
        if (!response.ok) return { kind: "failed", ms: since(), why: `${response.status} ${text.slice(0, 300)}` };
        const { order } = JSON.parse(text);
        return { kind: "answered", ms: since(), state: String(order.state) };
      } catch (error) {
        return { kind: "failed", ms: since(), why: reasonOf(error) };
      }
    },
    async settle(orders, withinMs) {
      const endAt = Date.now() + withinMs;
      const states = new Map<string, number>();
      const open = new Map(orders);
      const last = new Map<string, string>();
      const check = async (orderId: string, known: string) => {
        const state = await stateOf(orderId);
        last.set(orderId, state);
        // An order whose request failed may exist or not.
        if (!final.has(state) && !(known === "unknown" && state === "NOT_FOUND")) return;
        states.set(state, (states.get(state) ?? 0) + 1);
        open.delete(orderId);
      };
      for (;;) {
        const waiting = [...open];
        await Promise.all(
          Array.from({ length: 8 }, async () => {
            for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await check(...next);
          }),
        );
        if (open.size === 0 || Date.now() > endAt) break;
        await sleep(500);
      }
      const lost = [...open.keys()].map((id) => `${id} ${last.get(id)}`);
      return { states: Object.fromEntries(states), lost };
    },
  };

  async function stateOf(orderId: string): Promise<string> {
    try {
      const response = await send("GET", `/v1/orders/${orderId}`);
      const text = await response.text();
      if (response.status === 404) return "NOT_FOUND";
      return response.ok ? String(JSON.parse(text).order.state) : `${response.status}`;
    } catch (error) {
      return reasonOf(error);
    }
  }
}

/** Returns the message with its innermost cause: `fetch failed` alone says too little. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${reasonOf(error.cause)}` : error.message;
}
