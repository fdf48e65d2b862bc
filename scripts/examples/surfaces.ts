import type { Recorder } from "./recorder.ts";

type Call = Recorder["call"];

/** The REST of WDM and Styx. */
export async function recordWdm(call: Call): Promise<void> {
  await call("POST /submit/{n_partitions}", { path: { n_partitions: 4 } });
  await call("POST /hello");
  const { user_id } = await call("POST /payment/create_user");
  await call("POST /payment/add_funds/{user_id}/{amount}", { path: { user_id, amount: 100 } });
  await call("GET /payment/find_user/{user_id}", { path: { user_id } });
  await call("POST /payment/pay/{user_id}/{amount}", { path: { user_id, amount: 10 } });
  await call("POST /payment/batch_init/{n}/{starting_money}", { path: { n: 10, starting_money: 1000 } });
  const { item_id } = await call("POST /stock/item/create/{price}", { path: { price: 30 } });
  await call("POST /stock/add/{item_id}/{amount}", { path: { item_id, amount: 5 } });
  await call("POST /stock/subtract/{item_id}/{amount}", { path: { item_id, amount: 1 } });
  await call("GET /stock/find/{item_id}", { path: { item_id } });
  await call("POST /stock/batch_init/{n}/{starting_stock}/{item_price}", {
    path: { n: 10, starting_stock: 100, item_price: 1 },
  });
  const { order_id } = await call("POST /orders/create/{user_id}", { path: { user_id } });
  await call("POST /orders/addItem/{order_id}/{item_id}/{quantity}", { path: { order_id, item_id, quantity: 2 } });
  await call("GET /orders/find/{order_id}", { path: { order_id } });
  await call("POST /orders/checkout/{order_id}", { path: { order_id } });
  const other = await call("POST /orders/create/{user_id}", { path: { user_id } });
  await call("POST /orders/addItem/{order_id}/{item_id}/{quantity}", {
    path: { order_id: other.order_id, item_id, quantity: 1 },
  });
  await call("DELETE /orders/removeItem/{order_id}/{item_id}", { path: { order_id: other.order_id, item_id } });
  await call("POST /orders/batch_init/{n}/{n_items}/{n_users}/{item_price}", {
    path: { n: 10, n_items: 10, n_users: 10, item_price: 1 },
  });
}

/** The REST of the Wippy shop. */
export async function recordWippy(call: Call): Promise<void> {
  const path = { user_id: "ida" };
  await call("GET /api/products");
  await call("POST /api/cart/{user_id}/items", { path, body: { sku: "KB-002", quantity: 2 } });
  await call("POST /api/cart/{user_id}/items", { path, body: { sku: "MOUSE-003" } });
  await call("GET /api/cart/{user_id}", { path });
  await call("DELETE /api/cart/{user_id}/items/{sku}", { path: { ...path, sku: "MOUSE-003" } });
  await call("POST /api/cart/{user_id}/checkout", { path });
}

/** The REST of the Dapr example. */
export async function recordDapr(call: Call): Promise<void> {
  const { id } = await call("POST /api/orders", {
    body: { customerId: "bob", items: [{ productId: "product.mouse", quantity: 1 }], paymentMethod: "pm_ok" },
  });
  await call("GET /api/orders/{id}", { path: { id } });
  await call("GET /api/orders/{id}/status", { path: { id } });
  const path = { id: "product.headphones" };
  await call("GET /api/inventory/{id}", { path });
  await call("POST /api/inventory/{id}/reserve", { path, body: { quantity: 4 } });
  await call("POST /api/inventory/{id}/release", { path, body: { quantity: 4 } });
  const payment = await call("POST /api/payments", { body: { customerId: "bob", amount: 600, reference: "a repair" } });
  await call("POST /api/payments/{id}/refund", { path: { id: payment.id }, body: { amount: 100 } });
}

/** The REST of the Flask services. */
export async function recordFlask(call: Call): Promise<void> {
  const signIn = async (username: string, password: string): Promise<string> => {
    const { token } = await call("POST /api/v1/login", { body: { username, password } });
    return token;
  };
  const admin = await signIn("admin", "admin123");
  const account = { username: "ida", email: "ida@example.com", password: "p@ssw0rd" };
  const { id: userId } = await call("POST /api/v1/users", { body: account });
  const token = await signIn(account.username, account.password);
  const path = { id: userId };
  const address = await call("POST /api/v1/users/{id}/addresses", {
    token,
    path,
    body: { line1: "1 Main St", city: "NYC", state: "NY", postal_code: "10001", country: "US", is_default: true },
  });
  await call("GET /api/v1/users/{id}/addresses", { token, path });
  await call("GET /api/v1/users/{id}", { token, path });
  const addressPath = { ...path, aid: address.id };
  await call("PUT /api/v1/users/{id}/addresses/{aid}", { token, path: addressPath, body: { line2: "Second floor" } });

  const { id: productId } = await call("POST /api/v1/products", {
    token: admin,
    body: { name: "Laptop", description: "Thin", price: 1200, stock: 5 },
  });
  const product = { id: productId };
  await call("GET /api/v1/products", { token, query: { limit: "2" } });
  await call("GET /api/v1/products/search", { token, query: { q: "laptop", maxPrice: "1300" } });
  await call("GET /api/v1/products/{id}", { token, path: product });
  await call("PUT /api/v1/products/{id}", { token: admin, path: product, body: { price: "1150.00" } });
  await call("POST /api/v1/products/{id}/reserve", { token: admin, path: product, body: { quantity: 1 } });
  await call("POST /api/v1/products/{id}/release", { token: admin, path: product, body: { quantity: 1 } });

  const place = async (): Promise<string> => {
    const { id } = await call("POST /api/v1/orders", { token, body: { userId, items: [{ productId, quantity: 1 }] } });
    return id;
  };
  const paid = { id: await place() };
  await call("GET /api/v1/orders", { token, query: { limit: "1" } });
  await call("GET /api/v1/orders/{id}", { token, path: paid });
  await call("GET /api/v1/orders/{id}/details", { token, path: paid });
  await call("POST /api/v1/orders/{id}/pay", { token, path: paid });
  await call("POST /api/v1/orders/{id}/cancel", { token, path: { id: await place() } });
  await call("DELETE /api/v1/products/{id}", { token: admin, path: product });
  await call("DELETE /api/v1/users/{id}/addresses/{aid}", { token, path: addressPath });
  await call("DELETE /api/v1/users/{id}", { token: admin, path });
}
