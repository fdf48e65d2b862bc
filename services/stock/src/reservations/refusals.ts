import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "../reasons.ts";
import type { Shortage, State } from "./reservation.ts";

/** What is an answer in a batch is an error for a single one. */
export function outOfStock(id: string, shortages: readonly Shortage[]): DomainError {
  const unknown = shortages.find(({ unknownProduct }) => unknownProduct);
  if (unknown !== undefined) {
    const { productId: product_id } = unknown;
    return new DomainError(reasons, "PRODUCT_NOT_FOUND", `there is no product ${product_id}`, { product_id });
  }
  const told = shortages
    .slice(0, 3)
    .map(({ productId, requested, available }) => `product ${productId} has ${available} left, ${requested} asked`);
  const more = shortages.length > told.length ? `; and ${shortages.length - told.length} more` : "";
  return new DomainError(reasons, "OUT_OF_STOCK", told.join("; ") + more, {
    reservation_id: id,
    // As Shortage is written in JSON.
    shortages: JSON.stringify(
      shortages.map(({ productId, requested, available }) => ({ productId, requested, available })),
    ),
  });
}

export function differs(id: string): DomainError {
  const message = `reservation ${id} was asked for before, for other lines; choose another id`;
  return new DomainError(reasons, "RESERVATION_DIFFERS", message, { reservation_id: id });
}

export function reservationNotFound(id: string): DomainError {
  return new DomainError(reasons, "RESERVATION_NOT_FOUND", `there is no reservation ${id}`, { reservation_id: id });
}

export function notPinned(id: string, state: State): DomainError {
  const message = `reservation ${id} is ${state}; only what is PINNED can be committed`;
  return new DomainError(reasons, "RESERVATION_NOT_PINNED", message, { reservation_id: id, state });
}

/** The reservation has come to an end that does not allow what was asked. */
export function ended(id: string, state: "COMMITTED" | "RELEASED" | "EXPIRED" | "REFUSED"): DomainError {
  return new DomainError(reasons, `RESERVATION_${state}`, `reservation ${id} is ${state}`, { reservation_id: id });
}
