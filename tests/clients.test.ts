import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exampleClients, runClient } from "../scripts/clients/clients.ts";
import { seed } from "../scripts/stack/seed.ts";
import { findGrpcurl } from "./support/grpcurl.ts";
import { startShop, type TestShop } from "./support/shop.ts";

// The clients in other languages, as a reader builds and runs them. One that this machine cannot build is skipped.

let shop: TestShop;

beforeAll(async () => {
  shop = await startShop();
  await seed(shop.stack);
});

afterAll(() => shop?.[Symbol.asyncDispose]());

test.for(exampleClients)("the client $name signs in, buys, and decodes an error", async (client, { skip }) => {
  const result = await runClient(client, {
    SHOP_URL: `http://${shop.stack.addresses.gateway}`,
    PRODUCT_ID: "product.mouse",
    GRPCURL: await findGrpcurl(),
  });
  skip(result.kind === "left out", result.kind === "left out" ? result.reason : "");
  expect(result).toEqual({ kind: "bought", output: expect.any(String) });
});

test("every folder of clients is run", async () => {
  const foldersOf = async (path: string) => {
    const entries = await readdir(new URL(path, import.meta.url), { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  };
  const byContract = (await foldersOf("../clients")).filter((name) => name !== "openapi");
  const byDocument = (await foldersOf("../clients/openapi")).map((name) => `openapi/${name}`);
  const folders = [...byContract, ...byDocument];
  expect(exampleClients.map(({ name }) => name).sort()).toEqual(folders.sort());
});
