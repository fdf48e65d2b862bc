import type { Caller } from "./fuzz.ts";

/** How to sign in, for tokens that do not end before the requests do. */
export type SignIn = () => Promise<string>;

type Json = Readonly<Record<string, unknown>>;

/**
 * Makes what the requests are about, anew at each call: a customer with a cart, an address, an account, a paid order and a
 * refund, a guest with a cart and an order, a product and a webhook endpoint. The demo's users stay as they are.
 */
export function shopToFuzz(gateway: string, operatorSignIn: SignIn): () => Promise<Caller[]> {
  async function call(method: string, path: string, body: object | undefined, authorization?: string): Promise<Json> {
    const answer = await fetch(`http://${gateway}${path}`, {
      method,
      headers: {
        "idempotency-key": crypto.randomUUID(),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(authorization === undefined ? {} : { authorization }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
    return asJson(await answer.json());
  }

  return async () => {
    const operator = await operatorSignIn();
    const name = `fuzz-${crypto.randomUUID().slice(0, 8)}`;
    const user = { username: name, email: `${name}@example.com`, password: "p@ssw0rd-of-fuzz" };
    await call("POST", "/api/v1/users", user);
    const signedIn = await call("POST", "/api/v1/login", user);
    const customer = `Bearer ${textAt(signedIn, "token")}`;
    const userId = textAt(signedIn, "id");

    const product = { name: "A thing to fuzz", price: 1, stock: 1_000_000 };
    const productId = textAt(await call("POST", "/api/v1/products", product, operator), "id");
    const lines = [{ productId, quantity: 1 }];

    const cart = await call("POST", "/v1/carts", { customerId: userId, lines }, customer);
    const address = {
      recipient: "Ada",
      line1: "1 Main Street",
      city: "Berlin",
      postalCode: "10115",
      countryCode: "DE",
    };
    const saved = await call("POST", `/v1/users/${userId}/addresses`, { address }, customer);
    const buy = { customerId: userId, lines, paymentMethod: "pm_ok", waitFor: "WAIT_FOR_COMPLETED" };
    const orderId = textAt(await call("POST", "/v1/orders", buy, customer), "order", "id");
    const { payments } = await call("GET", `/v1/payments?orderId=${orderId}`, undefined, operator);
    const paymentId = Array.isArray(payments) ? textAt(asJson(payments[0]), "id") : "";
    const refund = await call("POST", `/v1/orders/${orderId}:refund`, { reason: "fuzz" }, operator);
    const endpoint = { url: "https://1.1.1.1/hook", eventTypes: ["sagacart.order.*"], enabled: false };
    const made = await call("POST", "/v1/webhook-endpoints", { endpoint }, operator);

    const guestCart = await call("POST", "/v1/guest-carts", { lines });
    const guest = { guestToken: textAt(guestCart, "guestToken") };
    const bought = await call("POST", "/v1/guest-carts", { lines });
    const guestBuy = { guestToken: textAt(bought, "guestToken"), contactEmail: user.email, paymentMethod: "pm_ok" };
    const guestOrder = await call("POST", `/v1/guest-carts/${textAt(bought, "cart", "id")}:checkout`, guestBuy);

    const goods = { productId, product_id: productId, sku: productId, paymentMethod: "pm_ok", countryCode: "DE" };
    const own = {
      ...goods,
      ...{ userId, customerId: userId, user_id: userId, users: userId, orderId, orders: orderId, shipments: orderId },
      ...{
        reservations: orderId,
        products: productId,
        carts: textAt(cart, "cart", "id"),
        addresses: textAt(saved, "address", "id"),
      },
      ...{ cartId: textAt(cart, "cart", "id"), paymentId, payments: paymentId },
      ...{
        refundId: textAt(refund, "refund", "id"),
        refunds: textAt(refund, "refund", "paymentRefundId"),
        accounts: userId,
      },
    };
    const endpointId = textAt(made, "endpoint", "id");
    const shown = { endpointId, "webhook-endpoints": endpointId };
    const guests = {
      ...goods,
      ...guest,
      ...{
        products: productId,
        "guest-carts": textAt(guestCart, "cart", "id"),
        cartId: textAt(guestCart, "cart", "id"),
      },
      "guest-orders": textAt(guestOrder, "order", "id"),
    };
    return [
      { name: "customer", authorization: customer, known: own },
      { name: "operator", authorization: operator, known: { ...own, ...shown } },
      { name: "guest", authorization: undefined, known: guests },
    ];
  };
}

function asJson(value: unknown): Json {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Returns the text at this path of an answer. */
function textAt(answer: Json, ...path: readonly string[]): string {
  const found = path.reduce<unknown>((inside, name) => asJson(inside)[name], answer);
  return typeof found === "string" ? found : "";
}
