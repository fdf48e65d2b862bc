import { decimalsOf, parseDecimal } from "@sagacart/chassis/money";
import type { Money } from "@sagacart/proto/type/v1/money";
import { invalidRequest } from "@sagacart/rest/problem";

/**
 * The bodies and parameters of the shop surface, and the schemas that validate them. Unknown fields are ignored, since
 * clients of this surface send some; numbers may be sent as text.
 */
export type NumberOrText = number | string;
export type NewProduct = {
  readonly name: string;
  readonly price: NumberOrText;
  readonly stock: NumberOrText;
  readonly description?: string | null;
};
export type ProductChange = Partial<NewProduct>;
export type Search = { readonly q?: string; readonly minPrice?: string; readonly maxPrice?: string };
export type Quantity = { readonly quantity: NumberOrText };
export type NewOrder = {
  readonly userId: NumberOrText;
  readonly items: readonly { readonly productId: NumberOrText; readonly quantity: NumberOrText }[];
  readonly shippingAddressId?: NumberOrText | null;
};
export type OrderList = {
  readonly userId?: string;
  readonly status?: Status;
  readonly limit?: string;
  readonly cursor?: string;
};
export type Page = { readonly limit?: string; readonly cursor?: string };

export type Login = { readonly username: string; readonly password: string };
export type NewUser = Login & { readonly email: string; readonly phone?: string | null };
export type NewAddress = {
  readonly line1: string;
  readonly line2?: string | null;
  readonly city: string;
  readonly state: string;
  readonly postal_code?: string;
  readonly country: string;
  readonly phone?: string | null;
  readonly is_default?: boolean | 0 | 1;
};
export type AddressChange = Partial<NewAddress>;
export type AddressPath = { readonly id: string; readonly aid: string };

/** The states of an order on this surface. */
export const statuses = ["PENDING", "PAID", "CANCELLED"] as const;
export type Status = (typeof statuses)[number];

const idPattern = "^[A-Za-z0-9._~-]{1,63}$";
const anId = { type: "string", pattern: idPattern } as const;
const idOrNumber = { anyOf: [anId, { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER }] } as const;
const amountPattern = "^\\d{1,13}(\\.\\d{1,3})?$";
const amount = {
  anyOf: [
    { type: "number", minimum: 0, maximum: 9_999_999_999_999 },
    { type: "string", pattern: amountPattern },
  ],
  description: "In whole units of the shop's currency, with as many decimals as it has.",
} as const;

function whole(minimum: number, maximum: number) {
  return {
    anyOf: [
      { type: "integer", minimum, maximum },
      { type: "string", pattern: `^\\d{1,${String(maximum).length}}$` },
    ],
  } as const;
}

function text(minLength: number, maxLength: number) {
  return { type: "string", minLength, maxLength } as const;
}

function object(required: readonly string[], properties: Readonly<Record<string, object>>) {
  return { type: "object", required, properties } as const;
}

/** The highest stock and quantity. */
const mostStock = 1_000_000_000;
const mostQuantity = 1_000_000;

/** The parameter `/:id` of a path. */
export const id = object(["id"], { id: anId });

const productFields = {
  name: { ...text(1, 200), pattern: "\\S" },
  price: amount,
  stock: whole(0, mostStock),
  description: { type: ["string", "null"], maxLength: 10_000 },
};
export const newProduct = object(["name", "price", "stock"], productFields);
export const productChange = { ...object([], productFields), minProperties: 1 } as const;
export const quantity = object(["quantity"], { quantity: whole(1, mostQuantity) });

const price = { type: "string", pattern: amountPattern } as const;
const page = {
  limit: { type: "string", pattern: "^\\d{1,6}$", description: "The most per page." },
  cursor: { ...text(1, 1000), description: "The nextCursor of the previous page." },
} as const;
export const productList = object([], page);
export const search = object([], { q: text(0, 200), minPrice: price, maxPrice: price });

export const newOrder = object(["userId", "items"], {
  userId: idOrNumber,
  items: {
    type: "array",
    minItems: 1,
    maxItems: 100,
    items: object(["productId", "quantity"], { productId: idOrNumber, quantity: whole(1, mostQuantity) }),
  },
  shippingAddressId: {
    anyOf: [...idOrNumber.anyOf, { type: "null" }],
    description: "One of the user's addresses; the default one if absent.",
  },
});
export const orderList = object([], {
  userId: anId,
  status: { type: "string", enum: statuses },
  ...page,
});
/** Without limits: credentials that no user can have are 401, as wrong ones are. */
export const login = object(["username", "password"], { username: { type: "string" }, password: { type: "string" } });
export const newUser = object(["username", "email", "password"], {
  username: text(3, 50),
  email: { ...text(3, 254), pattern: "@" },
  password: text(6, 128),
  phone: { type: ["string", "null"], maxLength: 40 },
});

const addressFields = {
  line1: text(1, 200),
  line2: { type: ["string", "null"], maxLength: 200 },
  city: { ...text(0, 100), description: "Empty where the country needs none." },
  state: text(0, 100),
  postal_code: {
    type: "string",
    pattern: "^[A-Za-z0-9 -]{0,16}$",
    description: "In the form of the country; empty or absent where it has none.",
  },
  country: { ...text(2, 100), description: "By its ISO 3166-1 code or its English name." },
  phone: { type: ["string", "null"], maxLength: 40 },
  is_default: { enum: [true, false, 0, 1] },
};
export const newAddress = object(["line1", "city", "state", "country"], addressFields);
export const addressChange = { ...object([], addressFields), minProperties: 1 } as const;

export const addressFieldNames = Object.keys(addressFields).filter((name) => name !== "is_default");

/** The parameters `/:id/addresses/:aid` of a path. */
export const addressPath = object(["id", "aid"], { id: anId, aid: anId });

export const idempotencyKey = object([], {
  "idempotency-key": {
    type: "string",
    pattern: "^[\\x21-\\x7e]{1,64}$",
    description: "A repeat with the same key answers with the same order.",
  },
});

/** A whole number, sent as a number or as text. */
export function wholeOf(field: string, given: NumberOrText, { from, to }: { from: number; to: number }): number {
  const number = Number(given);
  if (number < from || number > to) {
    throw invalidRequest([{ field, rule: "range", message: `must be from ${from} to ${to}` }]);
  }
  return number;
}

export function quantityOf(field: string, given: NumberOrText): number {
  return wholeOf(field, given, { from: 1, to: mostQuantity });
}

export function stockOf(given: NumberOrText): number {
  return wholeOf("stock", given, { from: 0, to: mostStock });
}

/** An amount of money. A number is read by its digits, so it is never rounded: 19.999 is refused. */
export function moneyOf(field: string, given: NumberOrText, currency: string): Money {
  const text = String(given);
  const decimals = decimalsOf(currency);
  const [, rest = ""] = text.split(".");
  if (!/^\d{1,13}(\.\d+)?$/.test(text) || rest.length > decimals) {
    const message = `must be an amount of ${currency}: at most 13 digits, and ${decimals} decimals`;
    throw invalidRequest([{ field, rule: "amount", message }]);
  }
  return parseDecimal(text, currency);
}
