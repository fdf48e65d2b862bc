import type { FuzzOptions } from "./fuzz.ts";

/** Makes what the requests are about: a customer, a product, a cart and an order of their own. The demo's users stay as they are. */
export async function shopToFuzz(gateway: string, operator: string): Promise<Pick<FuzzOptions, "callers" | "known">> {
  const name = `fuzz-${crypto.randomUUID().slice(0, 8)}`;
  const user = { username: name, email: `${name}@example.com`, password: "p@ssw0rd-of-fuzz" };
  const call = async (
    method: string,
    path: string,
    body: object,
    authorization?: string,
  ): Promise<{ id: string; token: string }> => {
    const answer = await fetch(`http://${gateway}${path}`, {
      method,
      headers: {
        "content-type": "application/json",
        "idempotency-key": crypto.randomUUID(),
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
    // All of these answers have ids and tokens only.
    return (await answer.json()) as { id: string; token: string };
  };
  await call("POST", "/api/v1/users", user);
  const { id: userId, token } = await call("POST", "/api/v1/login", user);
  const customer = `Bearer ${token}`;
  const product = { name: "A thing to fuzz", price: 1, stock: 1_000_000 };
  const { id: productId } = await call("POST", "/api/v1/products", product, operator);
  const items = [{ productId, quantity: 1 }];
  const { id: orderId } = await call("POST", "/api/v1/orders", { userId, items }, customer);
  const known = {
    userId,
    customerId: userId,
    user_id: userId,
    productId,
    product_id: productId,
    sku: productId,
    orderId,
  };
  return { callers: { operator, customer, guest: undefined, nobody: "Bearer of.no.one" }, known };
}
