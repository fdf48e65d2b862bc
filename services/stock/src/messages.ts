import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { invalid } from "@sagacart/chassis/rpc/violation";
import * as product from "@sagacart/proto/stock/v1/product";
import * as reservation from "@sagacart/proto/stock/v1/reservation";
import * as stock from "@sagacart/proto/stock/v1/stock_service";
import { MoneySchema } from "@sagacart/proto/type/v1/money";
import type { Movement, MovementReason } from "./levels/level-store.ts";
import type { LevelTarget } from "./levels/set-level.ts";
import type { Product } from "./products/product.ts";
import type { Kind, Reservation, Shortage, State } from "./reservations/reservation.ts";

export function productMessage(from: Product): product.Product {
  return create(product.ProductSchema, {
    id: from.id,
    sku: from.sku,
    title: from.title,
    description: from.description,
    price: create(MoneySchema, { currencyCode: from.currency, minorUnits: from.priceMinor }),
    onHand: from.onHand,
    reserved: from.reserved,
    available: from.onHand - from.reserved,
    etag: String(from.version),
    createTime: timestampFromDate(from.createTime),
    updateTime: timestampFromDate(from.updateTime),
    pictureUrl: from.pictureUrl,
  });
}

export function reservationMessage(from: Reservation): reservation.Reservation {
  return create(reservation.ReservationSchema, {
    id: from.id,
    kind: kindMessage[from.kind],
    state: stateMessage[from.state],
    lines: from.lines.map((line) => create(reservation.ReservationLineSchema, line)),
    ...(from.expireTime === null ? {} : { expireTime: timestampFromDate(from.expireTime) }),
    createTime: timestampFromDate(from.createTime),
    updateTime: timestampFromDate(from.updateTime),
    shortages: from.shortages.map(shortageMessage),
    ...(from.actor === undefined ? {} : { actor: from.actor }),
  });
}

export function shortageMessage(from: Shortage): reservation.Shortage {
  return create(reservation.ShortageSchema, from);
}

export function movementMessage(from: Movement): stock.Movement {
  return create(stock.MovementSchema, {
    id: String(from.id),
    productId: from.productId,
    delta: from.delta,
    reason: movementReasonMessage[from.reason],
    reference: from.reference,
    ...(from.actor === undefined ? {} : { actor: from.actor }),
    createTime: timestampFromDate(from.createTime),
  });
}

export const stateMessage = {
  HELD: reservation.Reservation_State.HELD,
  PINNED: reservation.Reservation_State.PINNED,
  COMMITTED: reservation.Reservation_State.COMMITTED,
  RELEASED: reservation.Reservation_State.RELEASED,
  EXPIRED: reservation.Reservation_State.EXPIRED,
  REFUSED: reservation.Reservation_State.REFUSED,
} as const satisfies Record<State, reservation.Reservation_State>;

const kindMessage = {
  ORDER: reservation.Reservation_Kind.ORDER,
  MANUAL: reservation.Reservation_Kind.MANUAL,
} as const satisfies Record<Kind, reservation.Reservation_Kind>;

const movementReasonMessage = {
  RECEIPT: stock.Movement_Reason.RECEIPT,
  CORRECTION: stock.Movement_Reason.CORRECTION,
  RETURN: stock.Movement_Reason.RETURN,
  SALE: stock.Movement_Reason.SALE,
} as const satisfies Record<MovementReason, stock.Movement_Reason>;

/** Converts from the wire; undefined for UNSPECIFIED. */
export function readKind(from: reservation.Reservation_Kind): Kind | undefined {
  return keyOf(kindMessage, from);
}

/** Converts from the wire; undefined for UNSPECIFIED. */
export function readState(from: reservation.Reservation_State): State | undefined {
  return keyOf(stateMessage, from);
}

/** Converts from the wire; undefined for UNSPECIFIED. */
export function readMovementReason(from: stock.Movement_Reason): MovementReason | undefined {
  return keyOf(movementReasonMessage, from);
}

/** Converts the level to set; `field` is its path in the request. */
export function readTarget(field: string, from: product.StockTarget | undefined): LevelTarget {
  const level = from?.level;
  switch (level?.case) {
    case "onHand":
      return { of: "on_hand", quantity: level.value, expected: from?.expected, reference: from?.reference ?? "" };
    case "available":
      return { of: "available", quantity: level.value, expected: from?.expected, reference: from?.reference ?? "" };
    default:
      throw invalid(`${field}.level`, "required", "is required: on_hand or available");
  }
}

/** Converts a timestamp, or throws a violation of `field` if it is outside the years 1 to 9999. */
export function readTime(field: string, from: Timestamp | undefined): Date | null {
  if (from === undefined) {
    return null;
  }
  const { seconds, nanos } = from;
  if (seconds < -62_135_596_800n || seconds > 253_402_300_799n || nanos < 0 || nanos > 999_999_999) {
    throw invalid(field, "timestamp.range", "must be a time in a year from 1 to 9999");
  }
  // Times before 1970 are only ever compared with now: 1970 does as well.
  return new Date(Math.max(0, Number(seconds) * 1000 + Math.floor(nanos / 1_000_000)));
}

function keyOf<K extends string, V>(map: Readonly<Record<K, V>>, value: V): K | undefined {
  // Object.keys of a record returns exactly its keys.
  return (Object.keys(map) as K[]).find((key) => map[key] === value);
}
