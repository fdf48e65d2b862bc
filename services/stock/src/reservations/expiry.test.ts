import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { silentLog } from "@sagacart/chassis/testing/log";
import { Reservation_Kind as Kind } from "@sagacart/proto/stock/v1/reservation";
import { expect, test, vi } from "vitest";
import { breaches, testStock } from "../testing/stock.ts";
import { startExpiry } from "./expiry.ts";

test("only HELD reservations past their expiry are released in the background", async () => {
  await using shop = await testStock();
  await shop.have({ lamp: 2_000 });
  const lines = [{ productId: "lamp", quantity: 1 }];
  const items = Array.from({ length: 700 }, (_, index) => ({
    orderId: `late-${index}`,
    lines,
    expireTime: timestampFromMs(Date.now() + 3_600_000),
  }));
  await shop.stock.batchReserve({ items });
  await shop.letExpire(...items.map(({ orderId }) => orderId));
  await shop.stock.batchReserve({
    items: [
      { orderId: "held", lines, expireTime: timestampFromMs(Date.now() + 3_600_000) },
      { orderId: "pinned", lines },
    ],
  });
  await shop.stock.reserveStock({ id: "by-hand", lines, kind: Kind.MANUAL });

  await using _expiry = startExpiry({ pool: shop.pool, log: silentLog, meters: shop.meters, intervalMs: 10 });

  await vi.waitFor(async () => expect(await shop.level("lamp")).toEqual([2_000, 3]), 60_000);
  const { rows } = await shop.pool.query<{ state: string; count: bigint }>(
    "select state, count(*) from reservations group by state order by state",
  );
  expect(rows).toEqual([
    { state: "EXPIRED", count: 700n },
    { state: "HELD", count: 2n },
    { state: "PINNED", count: 1n },
  ]);
  expect(await shop.counted()).toContain("stock_reservations_expired_total 700");
  expect(await breaches(shop.pool)).toEqual([]);
});
