import { Code } from "@connectrpc/connect";
import type { Order } from "@sagacart/proto/order/v1/order";
import { failureOf } from "../rpc/failure.ts";
import { finalStates } from "./timeline.ts";

/** The guest's orders of this browser, as they are for somebody who has signed in. */
export type Claimable = {
  /** Those that can be added to the account: at their end, and made with the account's e-mail address. */
  readonly ready: readonly Order[];
  /** The ids of those that the token of this browser no longer opens. */
  readonly gone: readonly string[];
};

type Read = (id: string) => Promise<Order | undefined>;

/** Finds the orders that a person with this address can claim. An order that cannot be read now is left for later. */
export async function findClaimable(ids: readonly string[], email: string, read: Read): Promise<Claimable> {
  const found = await Promise.all(
    ids.map(async (id) => {
      try {
        return { id, order: await read(id), isGone: false };
      } catch (error) {
        return { id, order: undefined, isGone: failureOf(error).code === Code.NotFound };
      }
    }),
  );
  return {
    ready: found.flatMap(({ order }) => (order !== undefined && isReady(order, email) ? [order] : [])),
    gone: found.filter(({ isGone }) => isGone).map(({ id }) => id),
  };
}

function isReady({ state, contactEmail }: Order, email: string): boolean {
  return finalStates.has(state) && contactEmail.toLowerCase() === email.toLowerCase();
}
