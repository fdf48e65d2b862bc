import { expect, test } from "vitest";
import { authorizationOf } from "../../scripts/stack/tokens.ts";
import { startShop } from "../support/shop.ts";
import { faultLine, fuzz } from "./fuzz.ts";
import { mutate } from "./mutate.ts";
import { createRandom } from "./random.ts";
import { shopToFuzz } from "./shop-to-fuzz.ts";

test("a seed repeats its requests, and another one makes others", () => {
  const good = { method: "POST", path: "/v1/orders", headers: {}, body: '{"items":[{"productId":"p","quantity":1}]}' };
  const requestsOf = (seed: number) => {
    const random = createRandom(seed);
    return Array.from({ length: 200 }, () => mutate(random, good));
  };
  expect(requestsOf(1)).toEqual(requestsOf(1));
  expect(requestsOf(2)).not.toEqual(requestsOf(1));
  expect(requestsOf(1).filter((request) => JSON.stringify(request) !== JSON.stringify(good)).length).toBeGreaterThan(
    150,
  );
});

test("no bad request is answered with a 5xx or not at all, and the laws hold afterwards", async () => {
  await using shop = await startShop();
  const gateway = shop.stack.addresses.gateway!;
  const makeCallers = shopToFuzz(gateway, () => authorizationOf(shop.stack.addresses, "admin"));
  const seed = Date.now() % 1_000_000;

  const { faults, statuses } = await fuzz({ gateway, makeCallers, count: 400, seed });

  expect(faults.map(faultLine), `seed ${seed}`).toEqual([]);
  expect(Object.keys(statuses).sort()).toEqual(["customer", "guest", "operator"]);
  // Most requests get past authentication: only a changed header or method can make a 401.
  for (const [caller, answers] of Object.entries(statuses)) {
    const all = Object.values(answers).reduce((sum, times) => sum + times, 0);
    expect((answers[401] ?? 0) / all, `401 for the ${caller}, seed ${seed}`).toBeLessThan(0.12);
  }
  expect(await shop.breaches({ stalledAfterMs: 60_000 })).toEqual([]);
});
