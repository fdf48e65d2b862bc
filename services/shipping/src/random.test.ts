import { errorInfo } from "@sagacart/chassis/errors";
import { randomOf } from "@sagacart/chassis/testing/random";
import { expect, test } from "vitest";
import { addressTo, startTestShipping } from "./testing/stack.ts";

const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`every call given twice: the carrier's shipments are ours (TEST_SEED=${seed})`, async () => {
  await using stack = await startTestShipping({ env: { CARRIER_TIMEOUT_MS: "3000" } });
  const random = randomOf(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const postalCodes = [undefined, "10115", "10115", "00000", "00001", "00002", "00003", "00004", "00005", "00006"];
  const orders = Array.from({ length: 120 }, (_, index) => ({
    orderId: `order-${index}`,
    postalCode: pick(postalCodes),
  }));
  const create = (batch: typeof orders) =>
    stack.shipping.batchCreateShipments({
      items: batch.map(({ orderId, postalCode }) => ({
        orderId,
        customerId: "customer-1",
        ...(postalCode === undefined ? {} : { address: addressTo(postalCode) }),
      })),
    });
  // On a busy machine the carrier may not answer in time; then the caller has to try again.
  const cancel = async (orderId: string) => {
    for (let reason = "CARRIER_UNAVAILABLE"; reason === "CARRIER_UNAVAILABLE"; ) {
      reason = await stack.shipping.cancelShipment({ orderId }).then(
        () => "",
        (error) => errorInfo(error).reason,
      );
      expect(["", "CARRIER_UNAVAILABLE"]).toContain(reason);
    }
  };

  const calls = Array.from({ length: 60 }, () => {
    const some = new Set(Array.from({ length: 1 + Math.floor(random() * 12) }, () => pick(orders)));
    const cancelled = pick(orders).orderId;
    return random() < 0.3 ? () => cancel(cancelled) : () => create([...some]);
  });
  const twice = [...calls, ...calls].map((call) => ({ call, turn: random() })).sort((a, b) => a.turn - b.turn);
  const lane = async () => {
    for (let next = twice.shift(); next !== undefined; next = twice.shift()) {
      await next.call();
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  await create(orders);

  const open = () =>
    stack.pool.query("select order_id, state from shipments where ask_time is not null or recall_time is not null");
  await expect.poll(async () => (await open()).rows).toEqual([]);
  const { rows } = await stack.pool.query(
    "select order_id, kind, state, tracking_number, event_sequence from shipments",
  );
  const ours = rows.filter(({ kind, state }) => kind === "CARRIER" && state === "ACCEPTED");
  const theirs = (await stack.carrier.list()).filter(({ status }) => status === "accepted");
  expect(theirs.map(({ key, trackingNumber }) => `${key} ${trackingNumber}`).sort()).toEqual(
    ours.map((row) => `${row.order_id} ${row.tracking_number}`).sort(),
  );
  expect(rows).toHaveLength(orders.length);
  const events = await stack.pool.query("select subject, count(*), max(sequence) from events group by subject");
  expect(new Map(events.rows.map((row) => [row.subject, [row.count, row.max]]))).toEqual(
    new Map(rows.map((row) => [row.order_id, [row.event_sequence, row.event_sequence]])),
  );
});
