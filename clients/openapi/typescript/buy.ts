// Signs in, buys, and decodes a typed error, with the types that openapi-typescript makes of the shop's OpenAPI document.
import createClient from "openapi-fetch";
import type { paths } from "./gen/schema.d.ts";

const baseUrl = process.env.SHOP_URL ?? "http://127.0.0.1:8080";
const product = process.env.PRODUCT_ID ?? "product.mouse";
const shop = createClient<paths>({ baseUrl });

const signedIn = await shop.POST("/v1/sessions", { body: { username: "alice", password: "alice123" } });
if (signedIn.error !== undefined) throw new Error(signedIn.error.detail);
const authorization = `Bearer ${signedIn.data.session?.accessToken}`;

const body = { lines: [{ productId: product, quantity: 1 }], paymentMethod: "pm_ok" };
// The key is the same for each try of a purchase.
const key = () => ({ "Idempotency-Key": crypto.randomUUID() });
const bought = await shop.POST("/v1/orders", { params: { header: key() }, headers: { authorization }, body });
console.log(bought.data?.order?.id, bought.data?.order?.state);

// The price that the customer was shown is not the current one: a typed error.
const { error } = await shop.POST("/v1/orders", {
  params: { header: key() },
  headers: { authorization },
  body: { ...body, expectedTotal: { currencyCode: "USD", minorUnits: "1" } },
});
console.log(error?.reason, error?.status, error?.metadata);
