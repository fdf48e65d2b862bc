import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { type Shop, stateOf } from "../demo/shop.ts";

/** Products and customers of a load: together the customers want twice what there is, and have half of what it costs. */
export type Goods = {
  readonly products: readonly string[];
  readonly customers: readonly string[];
  /** How many of each product there are. */
  readonly stocked: number;
  /** The money of each customer, in minor units. */
  readonly money: number;
};

const price = 100;

export async function makeGoods(
  shop: Shop,
  { checkouts, products, customers }: { checkouts: number; products: number; customers: number },
): Promise<Goods> {
  const stocked = Math.ceil((checkouts / products) * 0.5);
  const money = Math.ceil((checkouts / customers) * 0.5) * price;
  return {
    products: await Promise.all(Array.from({ length: products }, () => makeProduct(shop, stocked))),
    customers: await Promise.all(Array.from({ length: customers }, () => makeCustomer(shop, BigInt(money)))),
    stocked,
    money,
  };
}

/** The result of a checkout: the order as it was last seen, or why nobody knows what became of it. */
export type Bought = { readonly order: Order } | { readonly failure: string };

/** Each customer buys again and again, one thing after the other, until there were so many checkouts. */
export async function loadByCallers(shop: Shop, goods: Goods, checkouts: number): Promise<Bought[]> {
  const bought: Bought[] = [];
  let next = 0;
  await Promise.all(
    goods.customers.map(async (customerId) => {
      while (next < checkouts) {
        const productId = goods.products[next++ % goods.products.length] ?? "";
        bought.push(await buy(shop, customerId, productId));
      }
    }),
  );
  return bought;
}

export type RateOptions = {
  readonly perSecond: number;
  readonly seconds: number;
  /** Ends it before its time; checkouts that have begun are waited for. */
  readonly signal: AbortSignal;
  /** The most checkouts under way at a time: while a service is away, they would pile up. */
  readonly atOnce?: number;
  /** How long a checkout is repeated while nobody answers. */
  readonly repeatForMs?: number;
};

/** Begins so many checkouts a second, however long each takes. One that falls due while too many are under way waits. */
export async function loadByRate(shop: Shop, goods: Goods, options: RateOptions): Promise<Bought[]> {
  const { perSecond, seconds, signal, atOnce = 2_000, repeatForMs } = options;
  const startedMs = performance.now();
  const bought: Bought[] = [];
  const underWay = new Set<Promise<void>>();
  for (let count = 0; count < perSecond * seconds && !signal.aborted; count++) {
    const dueInMs = startedMs + (count / perSecond) * 1_000 - performance.now();
    if (dueInMs > 0) {
      await sleep(dueInMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
    }
    while (underWay.size >= atOnce) await Promise.race(underWay);
    const customerId = goods.customers[count % goods.customers.length] ?? "";
    const productId = goods.products[count % goods.products.length] ?? "";
    const buying = buy(shop, customerId, productId, repeatForMs).then((result) => {
      bought.push(result);
      underWay.delete(buying);
    });
    underWay.add(buying);
  }
  await Promise.all(underWay);
  return bought;
}

/** Checks out one piece. A call that is not answered is repeated with the same key, as a client should. */
async function buy(shop: Shop, customerId: string, productId: string, repeatForMs = 120_000): Promise<Bought> {
  const orderId = uuidv7();
  const request = { orderId, requestId: orderId, customerId, lines: [{ productId, quantity: 1 }] };
  const untilMs = performance.now() + repeatForMs;
  for (;;) {
    try {
      const { order } = await shop.orders.checkout(request, { timeoutMs: 60_000 });
      return order === undefined ? { failure: "an answer without an order" } : { order };
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      if (!unanswered.has(code) || performance.now() > untilMs) {
        return { failure: `${Code[code]}: ${rawMessage}` };
      }
      await sleep(500);
    }
  }
}

const unanswered: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Canceled,
  Code.Unknown,
  Code.Internal,
  Code.Unauthenticated,
]);

/** Counts how checkouts ended. The most frequent first. */
export function tallyOf(bought: readonly Bought[]): readonly (readonly [ending: string, count: number])[] {
  const endings = Map.groupBy(bought, (one) =>
    "order" in one ? `${stateOf(one.order)} ${one.order.outcomeReason}`.trim() : `not answered: ${one.failure}`,
  );
  return [...endings].map(([ending, some]) => [ending, some.length] as const).toSorted((a, b) => b[1] - a[1]);
}

/** Waits until the orders are final, and returns them as they are then: a checkout answers at its deadline at the latest. */
export async function untilFinal(shop: Shop, bought: readonly Bought[], limitMs = 120_000): Promise<Bought[]> {
  const untilMs = performance.now() + limitMs;
  const settled: Bought[] = [];
  for (const one of bought) {
    let now = one;
    while ("order" in now && !final.has(now.order.state) && performance.now() < untilMs) {
      await sleep(200);
      const { order } = await shop.orders.getOrder({ id: now.order.id }).catch(() => ({ order: undefined }));
      now = order === undefined ? now : { order };
    }
    settled.push(now);
  }
  return settled;
}

const final: ReadonlySet<Order_State> = new Set([
  Order_State.COMPLETED,
  Order_State.REJECTED,
  Order_State.CANCELLED,
  Order_State.EXPIRED,
]);

/** Returns a sentence for each product whose stock is not what was stocked without what was sold. */
export async function wrongStock(
  shop: Shop,
  { products, stocked }: Goods,
  bought: readonly Bought[],
): Promise<string[]> {
  const wrong: string[] = [];
  for (const id of products) {
    const sold = bought.filter(
      (one) => "order" in one && one.order.state === Order_State.COMPLETED && one.order.lines[0]?.productId === id,
    );
    const { product } = await shop.products.getProduct({ id });
    if (product?.onHand !== stocked - sold.length || product.reserved !== 0) {
      const left = `${product?.onHand} left, ${product?.reserved} reserved`;
      wrong.push(`product ${id}: ${stocked} stocked, ${sold.length} sold, ${left}`);
    }
  }
  return wrong;
}

async function makeProduct(shop: Shop, onHand: number): Promise<string> {
  const id = uuidv7();
  await shop.products.createProduct({
    product: { id, title: "Wanted", price: { currencyCode: "USD", minorUnits: BigInt(price) } },
    initialOnHand: onHand,
  });
  return id;
}

async function makeCustomer(shop: Shop, minorUnits: bigint): Promise<string> {
  const customerId = uuidv7();
  await shop.accounts.createAccount({ customerId, currencyCode: "USD" });
  await shop.accounts.deposit({ customerId, amount: { currencyCode: "USD", minorUnits } });
  return customerId;
}
