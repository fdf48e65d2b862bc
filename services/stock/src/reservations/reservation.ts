import { hash } from "node:crypto";
import type { Actor } from "@sagacart/proto/type/v1/actor";

export type Kind = "ORDER" | "MANUAL";
export type State = "HELD" | "PINNED" | "COMMITTED" | "RELEASED" | "EXPIRED" | "REFUSED";

/** A product and a quantity. */
export type Line = { readonly productId: string; readonly quantity: number };

/** A line that could not be reserved; `unknownProduct` if there is no such product. */
export type Shortage = {
  readonly productId: string;
  readonly requested: number;
  readonly available: number;
  readonly unknownProduct: boolean;
};

/** A reservation. Once a HELD one is past its expiry its state is EXPIRED here, released by the loop or not. */
export type Reservation = {
  readonly id: string;
  readonly kind: Kind;
  readonly state: State;
  readonly lines: readonly Line[];
  readonly expireTime: Date | null;
  readonly shortages: readonly Shortage[];
  readonly createTime: Date;
  readonly updateTime: Date;
  /** The person or program that made it by hand, or last released some of it. */
  readonly actor: Actor | undefined;
};

/** A request to reserve. Each product is in at most one line. */
export type NewReservation = {
  readonly id: string;
  readonly kind: Kind;
  readonly lines: readonly Line[];
  /** HELD until then. Without it an ORDER is PINNED, and a MANUAL one is HELD until it is released. */
  readonly expireTime: Date | null;
};

/** A request with its shortages; it is granted if it has none. */
export type Allotment = { readonly request: NewReservation; readonly shortages: readonly Shortage[] };

/**
 * Distributes `available` (by product; an absent product does not exist) over the requests, earlier ones first. Each gets
 * all its lines or none. Returns one allotment for each request, in their order.
 */
export function allot(requested: readonly NewReservation[], available: ReadonlyMap<string, number>): Allotment[] {
  const left = new Map(available);
  return requested.map((request) => {
    const shortages = request.lines.flatMap((line) => shortage(line, left.get(line.productId)));
    if (shortages.length === 0) {
      for (const { productId, quantity } of request.lines) {
        left.set(productId, (left.get(productId) ?? 0) - quantity);
      }
    }
    return { request, shortages };
  });
}

/** Hashes kind and lines, whatever their order. The expiry is left out: a repeat may name another. */
export function fingerprint({ kind, lines }: NewReservation): Buffer {
  const sorted = lines.map(({ productId, quantity }) => `${productId} ${quantity}`).sort();
  return hash("sha256", `${kind}\n${sorted.join("\n")}`, "buffer");
}

function shortage({ productId, quantity }: Line, available: number | undefined): Shortage[] {
  if (available !== undefined && available >= quantity) {
    return [];
  }
  const unknownProduct = available === undefined;
  return [{ productId, requested: quantity, available: available ?? 0, unknownProduct }];
}
