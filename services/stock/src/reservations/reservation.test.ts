import { expect, test } from "vitest";
import { allot, fingerprint, type Wish } from "./reservation.ts";

const wish = (id: string, lines: Readonly<Record<string, number>>): Wish => ({
  id,
  kind: "ORDER",
  lines: Object.entries(lines).map(([productId, quantity]) => ({ productId, quantity })),
  expireTime: null,
});
const short = (productId: string, requested: number, available: number, unknownProduct = false) => ({
  productId,
  requested,
  available,
  unknownProduct,
});

test.each([
  ["earlier ones come first", { a: 3 }, [{ a: 2 }, { a: 2 }], [[], [short("a", 2, 1)]]],
  ["one that is short takes nothing", { a: 3, b: 0 }, [{ a: 3, b: 1 }, { a: 3 }], [[short("b", 1, 0)], []]],
  ["all that is short is named", { a: 1, b: 1 }, [{ a: 2, b: 3 }], [[short("a", 2, 1), short("b", 3, 1)]]],
  ["what does not exist is said so", { a: 1 }, [{ a: 1, x: 1 }, { a: 1 }], [[short("x", 1, 0, true)], []]],
  ["the last ones go", { a: 3 }, [{ a: 1 }, { a: 1 }, { a: 1 }], [[], [], []]],
])("%s", (_, available, wishes, shortages) => {
  const allotments = allot(
    wishes.map((lines, index) => wish(`order-${index}`, lines)),
    new Map(Object.entries(available)),
  );

  expect(allotments.map(({ shortages }) => shortages)).toEqual(shortages);
});

test("a fingerprint is that of what is wanted, in any order, and for whom", () => {
  const one = fingerprint(wish("o", { a: 1, b: 2 }));

  expect(fingerprint(wish("other", { b: 2, a: 1 }))).toEqual(one);
  expect(fingerprint({ ...wish("o", { a: 1, b: 2 }), expireTime: new Date() })).toEqual(one);
  expect(fingerprint({ ...wish("o", { a: 1, b: 2 }), kind: "MANUAL" })).not.toEqual(one);
  expect(fingerprint(wish("o", { a: 12, b: 2 }))).not.toEqual(one);
  expect(fingerprint(wish("o", { a: 1 }))).not.toEqual(one);
});
