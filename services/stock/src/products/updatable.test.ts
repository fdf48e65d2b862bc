import { getOption } from "@bufbuild/protobuf";
import { updatable } from "@sagacart/proto/auth/v1/access";
import { ProductSchema } from "@sagacart/proto/stock/v1/product";
import { afterAll, beforeAll, expect, test } from "vitest";
import { failure, type TestStock, testStock } from "../testing/stock.ts";

let shop: TestStock;
const product = { id: "mug", title: "A mug", price: { currencyCode: "EUR", minorUnits: 1999n } };
beforeAll(async () => {
  shop = await testStock();
  await shop.products.createProduct({ product });
});
afterAll(() => shop[Symbol.asyncDispose]());

const changed = ProductSchema.fields.filter((field) => getOption(field, updatable)).map(({ name }) => name);
const others = ProductSchema.fields.map(({ name }) => name).filter((name) => !changed.includes(name));

test("an update may change each field that the contract marks as updatable", async () => {
  expect(changed.length).toBeGreaterThan(0);
  await shop.products.updateProduct({ product, updateMask: { paths: changed } });
});

test.each(others)("an update of %s is refused, since the contract does not mark it", async (path) => {
  expect(await failure(shop.products.updateProduct({ product, updateMask: { paths: [path] } }))).toMatchObject({
    reason: "UNKNOWN_FIELD",
    metadata: { path },
  });
});
