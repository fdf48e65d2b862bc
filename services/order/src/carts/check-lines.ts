import { ConnectError } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { within } from "@sagacart/chassis/time/at-most";
import type { Cart } from "./cart.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Quotes } from "./quote.ts";

/** Returns the quotes for the lines of open carts; undefined if none is open, or if the catalogue does not answer. */
export type CheckLines = (carts: readonly Cart[]) => Promise<Quotes | undefined>;

/** The longest time that a read of a cart waits for the catalogue, which usually answers within 10 ms. */
const maxWaitMs = 500;
/** The time for which carts are read without the catalogue after it failed, so that not every read waits. */
const pauseMs = 2_000;

/**
 * Creates the check of carts that are read: one question for all their products. Only of open carts, since the stock of a
 * cart that is being checked out is reserved for it already.
 */
export function createCheckLines(catalogue: Catalogue): CheckLines {
  let resumeMs = 0;
  return async (carts) => {
    const open = carts.filter(({ state }) => state === "OPEN");
    const productIds = [...new Set(open.flatMap(({ lines }) => lines.map(({ productId }) => productId)))];
    if (productIds.length === 0 || performance.now() < resumeMs) {
      return undefined;
    }
    try {
      return await within(maxWaitMs, catalogue(productIds), () => new CatalogueLateError());
    } catch (error) {
      // A read does not need the catalogue, which may be away or busy. Everything else is a bug.
      if (error instanceof ConnectError || error instanceof DomainError || error instanceof CatalogueLateError) {
        resumeMs = performance.now() + pauseMs;
        return undefined;
      }
      throw error;
    }
  };
}

class CatalogueLateError extends Error {
  override readonly name = "CatalogueLateError";
}
