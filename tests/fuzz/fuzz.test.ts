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
  const target = await shopToFuzz(gateway, await authorizationOf(shop.stack.addresses, "admin"));
  const seed = Date.now() % 1_000_000;

  const { faults, statuses } = await fuzz({ gateway, ...target, count: 400, seed });

  expect(faults.map(faultLine), `seed ${seed}`).toEqual([]);
  expect(Object.keys(statuses).length).toBeGreaterThan(3);
  expect(await shop.breaches({ stalledAfterMs: 60_000 })).toEqual([]);
});
