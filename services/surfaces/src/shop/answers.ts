import { fields, listOf, number, orNull, text, time, whole } from "../openapi/answers.ts";

// The answers of the shop's API, as JSON schemas; views.ts makes them.

/** A time in Flask's format: `Wed, 27 Aug 2025 09:00:35 GMT`. */
const httpDate = { type: "string", pattern: "^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$" };
const decimal = { type: "string", pattern: "^[0-9]+(\\.[0-9]+)?$" };
const textOrNull = orNull(text);
const orderStatus = { enum: ["PENDING", "PAID", "CANCELLED"] };

export const made = fields({ id: text });
export const updated = fields({ updated: { const: true } });
export const deleted = fields({ deleted: { const: true } });
export const orderStatusOnly = fields({ id: text, status: orderStatus });

export const product = fields({ id: text, name: text, description: textOrNull, price: decimal, stock: whole });
export const products = listOf(product);
export const reserved = fields({ reserved: whole, stock: whole });
export const released = fields({ released: whole, stock: whole });

const addressFields = {
  line1: text,
  line2: textOrNull,
  city: text,
  state: text,
  postal_code: text,
  country: text,
  phone: textOrNull,
};
const address = fields({ id: text, ...addressFields, is_default: { enum: [0, 1] } });
export const addresses = listOf(address);

export const login = fields({ id: text, username: text, email: text, token: text });
export const registered = fields({ id: text, username: text, email: text, phone: textOrNull });
export const user = fields({
  id: text,
  username: text,
  email: text,
  phone: textOrNull,
  created_at: orNull(httpDate),
  addresses,
});

const summaryFields = {
  id: text,
  user_id: text,
  status: orderStatus,
  total_amount: decimal,
  created_at: orNull(httpDate),
};
export const orders = fields({ orders: listOf(fields(summaryFields)), nextCursor: textOrNull });
export const order = fields({
  ...summaryFields,
  shipping_address_id: textOrNull,
  updated_at: orNull(httpDate),
  items: listOf(fields({ product_id: text, quantity: whole, price: decimal })),
});
export const details = fields({
  id: text,
  status: orderStatus,
  total_amount: number,
  created_at: orNull(time),
  updated_at: orNull(time),
  userId: text,
  shippingAddressId: textOrNull,
  shippingAddress: orNull(fields({ id: textOrNull, ...addressFields, is_default: { enum: [0, 1] } })),
  user: orNull(user),
  items: listOf(fields({ productId: text, quantity: whole, product: orNull(product) })),
});
