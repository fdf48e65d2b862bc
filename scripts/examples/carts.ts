import { mouse, type Scene } from "./scene.ts";

const keyboard = { productId: "product.keyboard", quantity: 2 };

/** Carts of a customer and of a guest, and their merge. */
export async function recordCarts({ call, alice: token }: Scene): Promise<void> {
  const { cart } = await call("createCart", { token, body: { name: "Birthday", lines: [mouse] } });
  const id: string = cart.id;
  await call("addCartItem", { token, path: { id }, body: keyboard });
  await call("getCart", { token, path: { id } });
  await call("updateCart", { token, path: { id }, body: { name: "Birthday of a friend" } });
  await call("replaceCartLines", { token, path: { id }, body: { lines: [mouse, keyboard] } });
  await call("removeCartItem", { token, path: { id, productId: keyboard.productId } });
  await call("listCarts", { token, query: { states: ["STATE_OPEN"], pageSize: 1 } });
  await call("getDefaultCart", { token, path: { customerId: "alice" } });
  const { cart: copy } = await call("duplicateCart", { token, path: { id }, body: { name: "Birthday, again" } });

  const { cart: guests, guestToken } = await call("createGuestCart", { body: { lines: [mouse] } });
  const headers = { "Guest-Token": guestToken };
  const path = { id: guests.id };
  await call("addGuestCartItem", { path, headers, body: keyboard });
  await call("getGuestCart", { path, headers });
  await call("replaceGuestCartLines", { path, headers, body: { lines: [mouse, keyboard] } });
  await call("removeGuestCartItem", { path: { ...path, productId: mouse.productId }, headers });
  await call("mergeCarts", {
    token,
    path: { sourceId: guests.id },
    headers,
    body: { targetId: copy.id, strategy: "STRATEGY_SUM" },
  });
  await call("deleteCart", { token, path: { id: copy.id } });
  const other = await call("createGuestCart", { body: { lines: [mouse] } });
  await call("deleteGuestCart", { path: { id: other.cart.id }, headers: { "Guest-Token": other.guestToken } });
}
