import { expect, test } from "vitest";
import { allot, fingerprint, type NewReservation } from "./reservation.ts";

const request = (id: string, lines: Readonly<Record<string, number>>): NewReservation => ({
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
  ["a request with a shortage takes nothing", { a: 3, b: 0 }, [{ a: 3, b: 1 }, { a: 3 }], [[short("b", 1, 0)], []]],
  ["every shortage is listed", { a: 1, b: 1 }, [{ a: 2, b: 3 }], [[short("a", 2, 1), short("b", 3, 1)]]],
  ["an unknown product is marked as such", { a: 1 }, [{ a: 1, x: 1 }, { a: 1 }], [[short("x", 1, 0, true)], []]],
  ["the last units can be taken", { a: 3 }, [{ a: 1 }, { a: 1 }, { a: 1 }], [[], [], []]],
])("%s", (_, available, requested, shortages) => {
  const allotments = allot(
    requested.map((lines, index) => request(`order-${index}`, lines)),
    new Map(Object.entries(available)),
  );

  expect(allotments.map(({ shortages }) => shortages)).toEqual(shortages);
});

test("a fingerprint depends on the kind and the lines, not on their order", () => {
  const one = fingerprint(request("o", { a: 1, b: 2 }));

  expect(fingerprint(request("other", { b: 2, a: 1 }))).toEqual(one);
  expect(fingerprint({ ...request("o", { a: 1, b: 2 }), expireTime: new Date() })).toEqual(one);
  expect(fingerprint({ ...request("o", { a: 1, b: 2 }), kind: "MANUAL" })).not.toEqual(one);
  expect(fingerprint(request("o", { a: 12, b: 2 }))).not.toEqual(one);
  expect(fingerprint(request("o", { a: 1 }))).not.toEqual(one);
});
