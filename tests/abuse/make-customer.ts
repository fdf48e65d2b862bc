/** A customer with an order that is not paid, so that it can be watched for long. */
export type Customer = { readonly authorization: string; readonly userId: string; readonly orderId: string };

/** Registers a customer, and has them order a product that the operator makes for it. */
export async function makeCustomer(gateway: string, operator: string): Promise<Customer> {
  const name = `abuse-${crypto.randomUUID().slice(0, 8)}`;
  const user = { username: name, email: `${name}@example.com`, password: "p@ssw0rd-of-abuse" };
  await call(gateway, "/api/v1/users", { body: user });
  const { id: userId = "", token } = await call(gateway, "/api/v1/login", { body: user });
  const authorization = `Bearer ${token}`;
  const product = { name: "A thing to order", price: 1, stock: 1_000_000 };
  const { id: productId } = await call(gateway, "/api/v1/products", { body: product, authorization: operator });
  const order = {
    customerId: userId,
    lines: [{ productId, quantity: 1 }],
    payLater: true,
    waitFor: "WAIT_FOR_ACCEPTED",
  };
  const { order: made } = await call(gateway, "/v1/orders", { body: order, authorization });
  return { authorization, userId, orderId: made?.id ?? "" };
}

/** The parts of the answers that are used. */
type Answer = { readonly id?: string; readonly token?: string; readonly order?: { readonly id?: string } };

async function call(
  gateway: string,
  path: string,
  { body, authorization }: { body: object; authorization?: string },
): Promise<Answer> {
  const answer = await fetch(`http://${gateway}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "idempotency-key": crypto.randomUUID(),
      ...(authorization === undefined ? {} : { authorization }),
    },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`POST ${path} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Answer;
}
