import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { randomOf } from "@sagacart/chassis/testing/random";
import { Reservation_Kind as Kind } from "@sagacart/proto/stock/v1/reservation";
import { afterEach, expect, onTestFailed, test } from "vitest";
import { breaches, type TestStock, testStock } from "../testing/stock.ts";

// Repeat a run by its seed: SEED=… npx vitest run services/stock/src/reservations/random
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

let shop: TestStock | undefined;
afterEach(() => shop?.[Symbol.asyncDispose]());

type Random = {
  below(limit: number): number;
  some<T>(items: readonly T[], chance: number): readonly T[];
  one<T>(items: readonly T[]): T;
};

function random(seed: number): Random {
  const next = randomOf(seed);
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    one: (items) => items[below(items.length)]!,
    some: (items, chance) => items.filter(() => next() < chance),
  };
}

const productIds = ["p0", "p1", "p2", "p3", "p4", "p5"];
const reservationIds = Array.from({ length: 100 }, (_, index) => `r${index}`);
const price = { currencyCode: "EUR", minorUnits: 100n };

/** Returns a random mutating call that can be repeated. */
function anyCall({ products, stock, letExpire }: TestStock, { below, one, some }: Random): () => Promise<unknown> {
  const id = one(reservationIds);
  const ids = [...some(reservationIds, 0.04), id];
  const productId = one(productIds);
  const quantity = 1 + below(4);
  const requestId = below(3) === 0 ? `q${below(40)}` : `q${below(2 ** 31)}`;
  const lines = () => {
    const chosen = new Set([...some(productIds, 0.3), one([...productIds, "nowhere"])]);
    return [...chosen].map((productId) => ({ productId, quantity: 1 + below(3) }));
  };
  const expiry = () => (below(2) === 0 ? { expireTime: timestampFromMs(Date.now() + 3_600_000) } : {});
  const items = [...new Set(ids)].map((orderId) => ({ orderId, lines: lines(), ...expiry() }));
  const put = some(productIds, 0.3).map((id) => ({
    product: { id, title: one(["x", "y"]), price },
    onHand: below(40),
  }));
  const single = { id: below(2) === 0 ? "" : id, kind: one([Kind.ORDER, Kind.MANUAL]), lines: lines(), ...expiry() };
  const title = one(["x", "y"]);
  const late = some(reservationIds, 0.04);
  const delta = below(30) - 10 || 1;
  const calls = {
    batchReserve: () => stock.batchReserve({ items }),
    batchReserveMore: () => stock.batchReserve({ items }),
    batchCommit: () => stock.batchCommit({ orderIds: ids }),
    batchRelease: () => stock.batchRelease({ orderIds: ids }),
    reserve: () => stock.reserveStock({ ...single, requestId }),
    pin: () => stock.pinReservation({ id }),
    pinOther: () => stock.pinReservation({ id }),
    commit: () => stock.commitReservation({ id }),
    release: () => stock.releaseReservation({ id }),
    releaseManually: () => stock.releaseManually({ productId, quantity, requestId }),
    adjust: () => stock.adjustStock({ productId, delta, requestId }),
    adjustMore: () => stock.adjustStock({ productId, delta: 5, requestId }),
    create: () =>
      products.createProduct({ product: { id: productId, title: "x", price }, initialOnHand: 5, requestId }),
    update: () => products.updateProduct({ product: { id: productId, title } }),
    delete: () => products.deleteProduct({ id: productId }),
    put: () =>
      products.batchPutProducts({
        items: put.length > 0 ? put : [{ product: { id: productId, title: "x", price }, onHand: 9 }],
      }),
    expire: () => letExpire(...late),
  };
  return one(Object.values(calls));
}

/** Returns a call's response or its error; throws if the error is ours and not the caller's. */
async function answer(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return { answer: await call() };
  } catch (error) {
    if (!(error instanceof ConnectError)) {
      throw error;
    }
    const { code, reason, message, metadata } = errorInfo(error);
    expect(expectedReasons).toContain(reason);
    return { code, reason, message, metadata };
  }
}

const expectedReasons = [
  "PRODUCT_NOT_FOUND",
  "PRODUCT_EXISTS",
  "PRODUCT_RESERVED",
  "INSUFFICIENT_STOCK",
  "NOT_RESERVED",
  "OUT_OF_STOCK",
  "REQUEST_ID_REUSED",
  "RESERVATION_NOT_FOUND",
  "RESERVATION_NOT_PINNED",
  "RESERVATION_DIFFERS",
  "RESERVATION_RELEASED",
  "RESERVATION_EXPIRED",
  "RESERVATION_COMMITTED",
  "RESERVATION_REFUSED",
  // A reservation for an order, without the order's id.
  "INVALID_ARGUMENT",
];

test(`a repeated call returns the same, and stock is conserved (seed ${seed})`, async () => {
  onTestFailed(() => console.error(`SEED=${seed}`));
  shop = await testStock();
  await shop.have(Object.fromEntries(productIds.map((id) => [id, 20])));
  const chance = random(seed);

  for (let step = 0; step < 400; step++) {
    const call = anyCall(shop, chance);
    const first = await answer(call);
    expect(await answer(call)).toEqual(first);
  }

  expect(await breaches(shop.pool)).toEqual([]);
});

test(`stock is conserved under concurrent calls, each made twice (seed ${seed})`, async () => {
  onTestFailed(() => console.error(`SEED=${seed}`));
  const crowd = await testStock();
  shop = crowd;
  await crowd.have(Object.fromEntries(productIds.map((id) => [id, 200])));
  const chance = random(seed + 1);
  const calls = Array.from({ length: 400 }, () => anyCall(crowd, chance));

  const caller = async () => {
    for (let call = calls.pop(); call !== undefined; call = calls.pop()) {
      await Promise.all([answer(call), answer(call)]);
    }
  };
  await Promise.all(Array.from({ length: 5 }, caller));

  expect(await breaches(crowd.pool)).toEqual([]);
});
