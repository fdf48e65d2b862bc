import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "../reasons.ts";
import type { Shortage, State } from "./reservation.ts";

/** Returns the error for a shortage: an outcome in a batch, an error for a single reservation. */
export function outOfStock(id: string, shortages: readonly Shortage[]): DomainError {
  const unknown = shortages.find(({ unknownProduct }) => unknownProduct);
  if (unknown !== undefined) {
    const { productId: product_id } = unknown;
    const count = shortages.filter(({ unknownProduct }) => unknownProduct).length;
    const more = count > 1 ? `, nor ${count - 1} more of those asked for` : "";
    const metadata = { product_id, ...(count > 1 ? { unknown_products: String(count) } : {}) };
    return new DomainError(reasons, "PRODUCT_NOT_FOUND", `there is no product ${product_id}${more}`, metadata);
  }
  const listed = shortages
    .slice(0, 3)
    .map(({ productId, requested, available }) => `product ${productId} has ${available} left, ${requested} asked`);
  const more = shortages.length > listed.length ? `; and ${shortages.length - listed.length} more` : "";
  return new DomainError(reasons, "OUT_OF_STOCK", listed.join("; ") + more, {
    reservation_id: id,
    // The JSON form of the Shortage message.
    shortages: JSON.stringify(
      shortages.map(({ productId, requested, available }) => ({ productId, requested, available })),
    ),
  });
}

export function differs(id: string): DomainError {
  const message = `reservation ${id} exists with other lines; choose another id`;
  return new DomainError(reasons, "RESERVATION_DIFFERS", message, { reservation_id: id });
}

export function reservationNotFound(id: string): DomainError {
  return new DomainError(reasons, "RESERVATION_NOT_FOUND", `there is no reservation ${id}`, { reservation_id: id });
}

export function notPinned(id: string, state: State): DomainError {
  const message = `reservation ${id} is ${state}; only a PINNED one can be committed`;
  return new DomainError(reasons, "RESERVATION_NOT_PINNED", message, { reservation_id: id, state });
}

/** Returns the error for a reservation that has ended otherwise. */
export function ended(id: string, state: "COMMITTED" | "RELEASED" | "EXPIRED" | "REFUSED"): DomainError {
  return new DomainError(reasons, `RESERVATION_${state}`, `reservation ${id} is ${state}`, { reservation_id: id });
}
