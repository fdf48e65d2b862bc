import { expect, test, vi } from "vitest";
import { readSiteConfig } from "./site-config.ts";

const config = { clientId: "web", simulatedProviders: true };

test("the configuration is asked for again when it cannot be had", async () => {
  const fetchIt = vi
    .fn<typeof fetch>()
    .mockRejectedValueOnce(new TypeError("Failed to fetch"))
    .mockResolvedValueOnce(new Response("", { status: 503 }))
    .mockResolvedValueOnce(Response.json(config));
  expect(await readSiteConfig(fetchIt, [0, 0])).toEqual(config);
});

test("a shop that stays away is an error", async () => {
  const fetchIt = vi.fn<typeof fetch>(async () => new Response("", { status: 503 }));
  await expect(readSiteConfig(fetchIt, [0, 0])).rejects.toThrow("/shop/config.json answered 503");
  expect(fetchIt).toHaveBeenCalledTimes(3);
});
