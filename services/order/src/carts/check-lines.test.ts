import { randomUUID } from "node:crypto";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { systemClock } from "@sagacart/chassis/time/clock";
import { Availability, type Cart } from "@sagacart/proto/order/v1/cart";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createAnonymousBudget, unlimitedAnonymous } from "../guests/anonymous-budget.ts";
import { quote, requireCart, startTestCarts, type TestCarts } from "../testing/test-carts.ts";
import { createCartService } from "./cart-service.ts";
import type { Catalogue } from "./catalogue.ts";
import { createGuestCartService } from "./guest-cart-service.ts";
import type { Quote } from "./quote.ts";

let stack: TestCarts;
beforeAll(async () => {
  stack = await startTestCarts();
});
afterAll(() => stack[Symbol.asyncDispose]());

/** The products that are sold, and the catalogue's answer; a test changes both. */
const sold = new Map<string, Quote>();
const catalogue = vi.fn<Catalogue>();

beforeEach(() => {
  sold.clear();
  sold.set("tea", quote({ productId: "tea", priceMinor: 450n, available: 10 }));
  sold.set("mug", quote({ productId: "mug", priceMinor: 1_299n, available: 10 }));
  catalogue.mockReset();
  catalogue.mockImplementation(async () => new Map(sold));
});

function start() {
  const budget = createAnonymousBudget({ pool: stack.pool, clock: systemClock, limits: unlimitedAnonymous });
  const transport = inMemory((router) => {
    router.service(CartService, createCartService({ pool: stack.pool, catalogue }));
    router.service(GuestCartService, createGuestCartService({ pool: stack.pool, catalogue, budget }));
  }, "order.sagacart");
  return { carts: createClient(CartService, transport), guests: createClient(GuestCartService, transport) };
}

const lines = [
  { productId: "tea", quantity: 3 },
  { productId: "mug", quantity: 1 },
];

/** Every way to read a cart, each with a cart of its own to read. */
const reads: [string, () => Promise<{ read: () => Promise<Cart>; close: () => Promise<unknown> }>][] = [
  [
    "GetCart",
    async () => {
      const { carts } = start();
      const { id } = requireCart((await carts.createCart({ customerId: randomUUID(), lines })).cart);
      const close = () => stack.bringTo("CHECKING_OUT", id);
      return { close, read: async () => requireCart((await carts.getCart({ id })).cart) };
    },
  ],
  [
    "GetDefaultCart",
    async () => {
      const { carts } = start();
      const customerId = randomUUID();
      const { id } = requireCart((await carts.createCart({ customerId, lines })).cart);
      const close = () => stack.bringTo("CHECKING_OUT", id);
      return { close, read: async () => requireCart((await carts.getDefaultCart({ customerId })).cart) };
    },
  ],
  [
    "ListCarts",
    async () => {
      const { carts } = start();
      const customerId = randomUUID();
      const { id } = requireCart((await carts.createCart({ customerId, lines })).cart);
      const close = () => stack.bringTo("CHECKING_OUT", id);
      return { close, read: async () => requireCart((await carts.listCarts({ customerId })).carts[0]) };
    },
  ],
  [
    "GetGuestCart",
    async () => {
      const { guests } = start();
      const { cart, guestToken } = await guests.createGuestCart({ lines });
      const { id } = requireCart(cart);
      return {
        close: () => guests.deleteGuestCart({ id, guestToken }),
        read: async () => requireCart((await guests.getGuestCart({ id, guestToken })).cart),
      };
    },
  ],
];

/** Changes of tea, of which the cart has 3 for 4.50 EUR each, and what its line says then. */
const tea = (now: Partial<Quote>) => () =>
  sold.set("tea", quote({ productId: "tea", priceMinor: 450n, available: 10, ...now }));
const repriced = (minorUnits: bigint, currencyCode = "EUR") => ({
  oldUnitPrice: { currencyCode: "EUR", minorUnits: 450n },
  newUnitPrice: { currencyCode, minorUnits },
});
const happenings: [
  string,
  () => unknown,
  { availability: Availability; availableQuantity?: number; priceChange?: object },
][] = [
  ["nothing", tea({}), { availability: Availability.AVAILABLE, availableQuantity: 10 }],
  ["just enough left", tea({ available: 3 }), { availability: Availability.AVAILABLE, availableQuantity: 3 }],
  ["fewer left", tea({ available: 2 }), { availability: Availability.FEWER_LEFT, availableQuantity: 2 }],
  ["sold out", tea({ available: 0 }), { availability: Availability.SOLD_OUT, availableQuantity: 0 }],
  ["gone", () => sold.delete("tea"), { availability: Availability.GONE, availableQuantity: 0 }],
  [
    "dearer",
    tea({ priceMinor: 451n }),
    { availability: Availability.AVAILABLE, availableQuantity: 10, priceChange: repriced(451n) },
  ],
  [
    "cheaper, and fewer left",
    tea({ priceMinor: 0n, available: 1 }),
    { availability: Availability.FEWER_LEFT, availableQuantity: 1, priceChange: repriced(0n) },
  ],
  [
    "sold in another currency",
    tea({ currency: "USD" }),
    { availability: Availability.AVAILABLE, availableQuantity: 10, priceChange: repriced(450n, "USD") },
  ],
];

describe.each(reads)("%s", (_name, prepare) => {
  test.each(happenings)("says what has become of a line: %s", async (_what, happen, expected) => {
    const { read } = await prepare();
    happen();
    catalogue.mockClear();

    const [line, other] = (await read()).lines;

    const { availability, availableQuantity, priceChange } = line ?? {};
    expect({ availability, availableQuantity, priceChange }).toMatchObject({
      availableQuantity: undefined,
      priceChange: undefined,
      ...expected,
    });
    expect(line?.unitPrice?.minorUnits).toBe(450n);
    expect(other).toMatchObject({ availability: Availability.AVAILABLE, availableQuantity: 10 });
    expect(other?.priceChange).toBeUndefined();
    expect(catalogue).toHaveBeenCalledTimes(1);
  });

  test.each([
    ["is away", () => Promise.reject(new ConnectError("connection refused", Code.Unavailable))],
    ["does not answer", () => new Promise<never>(() => {})],
  ])("answers without it while the catalogue %s, and does not wait for it again at once", async (_how, answer) => {
    const { read } = await prepare();
    catalogue.mockClear();
    catalogue.mockImplementation(answer);

    const first = await read();
    const second = await read();

    expect(second).toEqual(first);
    expect(first.lines).toMatchObject([
      { productId: "tea", quantity: 3, availability: Availability.UNSPECIFIED },
      { productId: "mug", quantity: 1, availability: Availability.UNSPECIFIED },
    ]);
    expect(catalogue).toHaveBeenCalledTimes(1);
  });

  test("says nothing about a cart that is not open, whose stock may be reserved for it", async () => {
    const { read, close } = await prepare();
    await close();
    sold.delete("tea");
    catalogue.mockClear();

    expect((await read()).lines[0]).toMatchObject({ productId: "tea", availability: Availability.UNSPECIFIED });
    expect(catalogue).not.toHaveBeenCalled();
  });
});

test("many carts are one question", async () => {
  const { carts } = start();
  const customerId = randomUUID();
  await carts.createCart({ customerId, lines: [{ productId: "tea", quantity: 11 }] });
  await carts.createCart({ customerId, lines });
  catalogue.mockClear();

  const { carts: listed } = await carts.listCarts({ customerId });

  expect(listed.map((cart) => cart.lines[0]?.availability)).toEqual([Availability.AVAILABLE, Availability.FEWER_LEFT]);
  expect(catalogue).toHaveBeenCalledTimes(1);
});

test("a caller that does not need it does not make the service ask", async () => {
  const { carts } = start();
  const customerId = randomUUID();
  const { id } = requireCart((await carts.createCart({ customerId, lines })).cart);
  catalogue.mockClear();

  const one = await carts.getCart({ id, withoutAvailability: true });
  const byDefault = await carts.getDefaultCart({ customerId, withoutAvailability: true });
  const all = await carts.listCarts({ customerId, withoutAvailability: true });

  for (const cart of [one.cart, byDefault.cart, all.carts[0]]) {
    expect(cart?.lines[0]?.availability).toBe(Availability.UNSPECIFIED);
  }
  expect(catalogue).not.toHaveBeenCalled();
});
