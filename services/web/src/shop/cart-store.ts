/** A guest's cart as this browser knows it. The token opens the cart and its orders, and nothing else. */
export type GuestCart = { readonly id: string; readonly token: string };

const cartKey = "sagacart.guest-cart";
const ordersKey = "sagacart.guest-orders";
/** As many orders of guests as this browser remembers the tokens of. */
const mostOrders = 20;

export function readGuestCart(storage: Storage = localStorage): GuestCart | undefined {
  const { id, token } = parse(storage.getItem(cartKey));
  return typeof id === "string" && typeof token === "string" ? { id, token } : undefined;
}

export function writeGuestCart(cart: GuestCart, storage: Storage = localStorage): void {
  storage.setItem(cartKey, JSON.stringify(cart));
}

/** Forgets this cart of a guest; not another one that a tab beside this one has begun since. */
export function forgetGuestCart(id: string, storage: Storage = localStorage): void {
  if (readGuestCart(storage)?.id === id) {
    storage.removeItem(cartKey);
  }
}

/** Returns the token of a guest's order that was made with this browser. */
export function guestTokenOf(orderId: string, storage: Storage = localStorage): string | undefined {
  return ordersOf(storage).find(([id]) => id === orderId)?.[1];
}

/** Remembers the token of a guest's order; the oldest ones are forgotten. */
export function rememberGuestOrder(orderId: string, token: string, storage: Storage = localStorage): void {
  const others = ordersOf(storage).filter(([id]) => id !== orderId);
  storage.setItem(ordersKey, JSON.stringify({ orders: [[orderId, token], ...others].slice(0, mostOrders) }));
}

/** Forgets the token of a guest's order, which no longer opens it: the order is somebody's own by now. */
export function forgetGuestOrder(orderId: string, storage: Storage = localStorage): void {
  const orders = ordersOf(storage).filter(([id]) => id !== orderId);
  storage.setItem(ordersKey, JSON.stringify({ orders }));
}

/** Returns the ids of the guest's orders that this browser knows, newest first. */
export function guestOrderIds(storage: Storage = localStorage): readonly string[] {
  return ordersOf(storage).map(([id]) => id);
}

function ordersOf(storage: Storage): readonly (readonly [id: string, token: string])[] {
  const { orders } = parse(storage.getItem(ordersKey));
  return Array.isArray(orders) ? orders.filter((order) => Array.isArray(order) && order.length === 2) : [];
}

/** Reads what this or another version of the page has stored; nothing if it is not readable. */
function parse(text: string | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
