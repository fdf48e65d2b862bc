import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Order_State } from "@sagacart/proto/order/v1/order";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stateOf } from "../scripts/demo/shop.ts";
import { placeOneOfEach } from "./support/scenario.ts";
import { startFaultyWorker, startShop, type TestShop, untilFinal } from "./support/shop.ts";

// Kills the worker at each of its calls that has an effect, on the way forward and in compensations.

let test_: TestShop;
beforeAll(async () => {
  test_ = await startShop();
  await test_.stack.kill("worker", "SIGTERM");
});
afterAll(() => test_?.[Symbol.asyncDispose]());

/** Waits until the orders are final, and compares their states. */
async function expectEnds(orders: ReadonlyMap<string, Order_State>): Promise<void> {
  const ended = await Promise.all([...orders.keys()].map((id) => untilFinal(test_.shop, id)));
  const names = (states: Iterable<Order_State>) => [...states].map((state) => stateOf({ state } as never));
  expect(names(ended.map(({ state }) => state))).toEqual(names(orders.values()));
}

test("an activity that is delivered twice has its effect once", async () => {
  const orders = await placeOneOfEach(test_.shop);
  const worker = await startFaultyWorker(test_.stack, { FAULT_TWICE: "true" });
  await expectEnds(orders);
  await worker.stop();
  expect(await test_.breaches({ stalledAfterMs: 0 })).toEqual([]);
});

test("a saga ends the same if the worker is killed before or after any of its effects", {
  timeout: 1_800_000,
}, async () => {
  const trace = join(test_.stack.stateDirectory, "trace");
  const counted = await placeOneOfEach(test_.shop);
  const counting = await startFaultyWorker(test_.stack, { FAULT_TRACE: trace });
  await expectEnds(counted);
  await counting.stop();
  const calls = (await readFile(trace, "utf8")).trim().split("\n");
  // Begin, reserve, move, charge, move, ship, commit, move; void, release, move for each compensation; confirm.
  expect(calls.length).toBeGreaterThanOrEqual(12);

  for (let call = 1; call <= calls.length; call++) {
    for (const moment of ["before", "after"]) {
      const orders = await placeOneOfEach(test_.shop);
      const doomed = await startFaultyWorker(test_.stack, { FAULT_KILL: `${moment}:${call}` });
      // Calls are concurrent, so the last one may not occur in this run; then the orders end without it.
      const done = expectEnds(orders).then(() => "done" as const);
      const how = await Promise.race([doomed.ended, done]);
      if (how === "done") {
        await doomed.stop();
      }
      const next = await startFaultyWorker(test_.stack, {});
      await done;
      await next.stop();
      expect(await test_.breaches({ stalledAfterMs: 0 }), `killed ${moment} ${calls[call - 1]}`).toEqual([]);
    }
  }
});
