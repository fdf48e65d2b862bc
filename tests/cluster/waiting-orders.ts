import { uuidv7 } from "@sagacart/chassis/uuid";
import { operatorSession } from "../../scripts/cluster/tokens.ts";
import { operatorName } from "../../scripts/stack/users.ts";
import { until } from "../../scripts/until.ts";
import { check, type Stage } from "./scenario.ts";

/** Orders that are reserved and await payment: each has a workflow that runs until the order is paid. */
export type WaitingOrders = {
  /** Creates this many orders, waits until each awaits payment, and returns their ids. */
  begin(count: number): Promise<string[]>;
  /** Pays each order, and waits until it is completed. */
  finish(ids: readonly string[]): Promise<void>;
  states(ids: readonly string[]): Promise<string[]>;
};

/** Calls the gateway over a port-forward, a new one each time, because the pods change. */
export async function openWaitingOrders({ shop }: Pick<Stage, "shop">): Promise<WaitingOrders> {
  const { OPERATOR_PASSWORD = "", OPERATOR_TOTP_SECRET } = await shop.namespace.secret(shop.objectName("tools"));
  const customerId = uuidv7();
  const productId = uuidv7();
  const usd = (minorUnits: string) => ({ currencyCode: "USD", minorUnits });

  const withGateway = async <T>(work: (send: Send) => Promise<T>): Promise<T> => {
    await using gateway = await shop.namespace.forward(`svc/${shop.objectName("gateway")}`, 8080);
    const origin = `http://${gateway.address}`;
    const tokens = operatorSession({
      GATEWAY_URL: origin,
      OPERATOR_USERNAME: operatorName,
      OPERATOR_PASSWORD,
      OPERATOR_TOTP_SECRET,
    });
    return await work(async (method, path, body) => {
      const response = await fetch(`${origin}${path}`, {
        method,
        headers: {
          authorization: (await tokens.authorization()) ?? "",
          ...(body === undefined ? {} : { "content-type": "application/json", "idempotency-key": uuidv7() }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      check(response.ok, `${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`);
      return JSON.parse(text);
    });
  };
  await withGateway(async (send) => {
    const product = { id: productId, title: "Waiting", price: usd("100") };
    await send("POST", "/v1/products", { product, initialOnHand: 1_000_000 });
    await send("POST", "/v1/accounts", { customerId, currencyCode: "USD" });
    await send("POST", `/v1/accounts/${customerId}:deposit`, { amount: usd("100000000") });
  });
  const stateOf = async (send: Send, id: string): Promise<string> =>
    (await send("GET", `/v1/orders/${id}`)).order.state;
  return {
    begin: (count) =>
      withGateway(async (send) => {
        const ids = Array.from({ length: count }, () => uuidv7());
        await inTurn(ids, async (orderId) => {
          const lines = [{ productId, quantity: 1 }];
          await send("POST", "/v1/orders", { orderId, customerId, lines, payLater: true });
          await until(`order ${orderId} to await payment`, async () => {
            const state = await stateOf(send, orderId);
            return state === "STATE_AWAITING_PAYMENT";
          });
        });
        return ids;
      }),
    finish: (ids) =>
      withGateway(async (send) => {
        await inTurn(ids, async (id) => {
          await send("POST", `/v1/orders/${id}:pay`, { id });
          await until(`order ${id} to be completed`, async () => (await stateOf(send, id)) === "STATE_COMPLETED");
        });
      }),
    states: (ids) => withGateway(async (send) => await Promise.all(ids.map((id) => stateOf(send, id)))),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: answers of many kinds.
type Send = (method: string, path: string, body?: object) => Promise<any>;

/** Runs four at a time, because a port-forward is slow. */
async function inTurn(ids: readonly string[], each: (id: string) => Promise<void>): Promise<void> {
  const waiting = [...ids];
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) await each(id);
    }),
  );
}
