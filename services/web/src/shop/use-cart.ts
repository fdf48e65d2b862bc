import { createClient, type Transport } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { type Cart, Cart_State } from "@sagacart/proto/order/v1/cart";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { customerIdOf, useSession } from "../auth/use-session.tsx";
import { failureOf } from "../rpc/failure.ts";
import { newRequestId } from "../rpc/request-id.ts";
import { readGuestCart, writeGuestCart } from "./cart-store.ts";

export type Line = { readonly productId: string; readonly quantity: number };

/** The cart of the person who is signed in, or the guest's. Each change returns the cart as it then is. */
export type CartActions = {
  read(): Promise<Cart | undefined>;
  add(line: Line, requestId: string): Promise<Cart | undefined>;
  /** Replaces all lines of the cart as it was read: fails with ETAG_MISMATCH if it has changed elsewhere. */
  replace(cart: Cart, lines: readonly Line[]): Promise<Cart | undefined>;
};

/** Returns the cart, and the changes that can be made. */
export function useCart() {
  const { state } = useSession();
  const transport = useTransport();
  const queries = useQueryClient();
  const queryKey = ["cart", state.kind === "signed-in" ? state.user.id : "guest"];
  const actions = state.kind === "signed-in" ? customersCart(transport, customerIdOf(state)) : guestsCart(transport);
  const query = useQuery({
    queryKey,
    // A query may not answer undefined.
    queryFn: async () => (await actions.read()) ?? null,
    enabled: state.kind !== "unknown",
  });
  // The answers of changes have no availability, so the cart is read again.
  const settle = { onSettled: () => queries.invalidateQueries({ queryKey }) };
  const add = useMutation({
    mutationFn: (line: Line) => actions.add(line, newRequestId()),
    ...settle,
  });
  const replace = useMutation({
    mutationFn: ({ cart, lines }: { cart: Cart; lines: readonly Line[] }) => actions.replace(cart, lines),
    ...settle,
  });
  return { query, cart: query.data ?? undefined, add, replace };
}

/** Returns the number of units in a cart. */
export function unitsOf(cart: Cart | undefined): number {
  return cart === undefined ? 0 : cart.lines.reduce((sum, { quantity }) => sum + quantity, 0);
}

function customersCart(transport: Transport, customerId: string): CartActions {
  const carts = createClient(CartService, transport);
  return {
    read: async () => (await carts.getDefaultCart({ customerId })).cart,
    add: async (line, requestId) => (await carts.addCartItem({ customerId, ...line, requestId })).cart,
    replace: async ({ id, etag }, lines) =>
      (await carts.replaceCartLines({ id, customerId, etag, lines: [...lines] })).cart,
  };
}

function guestsCart(transport: Transport): CartActions {
  const carts = createClient(GuestCartService, transport);
  const create = async (line: Line) => {
    const { cart, guestToken } = await carts.createGuestCart({ lines: [line] });
    if (cart !== undefined) {
      writeGuestCart({ id: cart.id, token: guestToken });
    }
    return cart;
  };
  return {
    async read() {
      const known = readGuestCart();
      if (known === undefined) {
        return undefined;
      }
      try {
        const { cart } = await carts.getGuestCart({ id: known.id, guestToken: known.token });
        if (cart !== undefined && isClosed(cart)) {
          writeGuestCart(undefined);
          return undefined;
        }
        return cart;
      } catch (error) {
        return forgotten(error) ? undefined : Promise.reject(error);
      }
    },
    async add(line, requestId) {
      const known = readGuestCart();
      if (known === undefined) {
        return await create(line);
      }
      try {
        return (await carts.addGuestCartItem({ id: known.id, guestToken: known.token, ...line, requestId })).cart;
      } catch (error) {
        return forgotten(error) ? await create(line) : Promise.reject(error);
      }
    },
    replace: async ({ id, etag }, lines) =>
      (await carts.replaceGuestCartLines({ id, guestToken: readGuestCart()?.token ?? "", etag, lines: [...lines] }))
        .cart,
  };
}

/** Returns true, and forgets the guest's cart, if it is bought or gone: the next product starts another one. */
function forgotten(error: unknown): boolean {
  const { reason } = failureOf(error);
  const isGone = reason === "CART_NOT_FOUND" || reason === "CART_CLOSED";
  if (isGone) {
    writeGuestCart(undefined);
  }
  return isGone;
}

function isClosed({ state }: Cart): boolean {
  return state !== Cart_State.OPEN && state !== Cart_State.CHECKING_OUT;
}
