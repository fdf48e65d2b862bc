import { expect, test } from "vitest";
import { drawnPictureOf, ownPictureOf } from "./pictures.ts";

const origins = ["https://images.example", "https://cdn.example:8443"];

test.each([
  ["/assets/pictures/mug.webp", true],
  ["https://images.example/mug.webp", true],
  ["https://images.example/mug.webp?width=640", true],
  ["https://cdn.example:8443/mug.webp", true],
  ["https://cdn.example/mug.webp", false],
  ["https://images.example.evil.test/mug.webp", false],
  ["http://images.example/mug.webp", false],
  ["//images.example/mug.webp", false],
  ["javascript:alert(1)", false],
  ["data:image/svg+xml,<svg/>", false],
  ["", false],
])("the picture %j is shown: %s", (url, isShown) => {
  expect(ownPictureOf(url, origins)).toBe(isShown ? url : undefined);
});

test("a product without a picture has a drawn one of its kind, or a parcel", () => {
  const product = { id: "p", sku: "1", title: "A thing" };
  const pictures = ["A thing", "Coffee mug", "Travel cup", "Laptop", "Another thing"].map((title) =>
    drawnPictureOf({ ...product, title }),
  );
  const [thing, mug, cup, laptop, other] = pictures;
  expect([other, cup]).toEqual([thing, mug]);
  expect(new Set([thing, mug, laptop]).size).toBe(3);
});
