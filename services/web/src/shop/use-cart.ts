import { createClient, type Transport } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import type { Cart } from "@sagacart/proto/order/v1/cart";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { customerIdOf, useSession } from "../auth/use-session.tsx";
import { createAttempt } from "./attempt.ts";
import { type CartActions, type Line, withQuantity } from "./cart-actions.ts";
import { readGuestCart } from "./cart-store.ts";
import { guestsCart } from "./guest-cart.ts";

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
  const [attempt] = useState(createAttempt);
  const add = useMutation({
    async mutationFn(line: Line) {
      const content = JSON.stringify([queryKey, readGuestCart()?.id, line.productId, line.quantity]);
      const changed = await actions.add(line, attempt.requestIdFor(content));
      attempt.succeeded();
      return changed;
    },
    ...settle,
  });
  const setQuantity = useMutation({
    async mutationFn({ productId, quantity }: Line) {
      const seen = queries.getQueryData<Cart | null>(queryKey);
      const line = seen?.lines.find((other) => other.productId === productId);
      if (!seen || line === undefined || line.quantity === quantity) {
        return seen;
      }
      return await actions.replace(seen, withQuantity(seen.lines, productId, quantity));
    },
    // One after the other: each replaces the cart that the one before has left.
    scope: { id: "cart" },
    ...settle,
  });
  return { query, cart: query.data ?? undefined, add, setQuantity };
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
