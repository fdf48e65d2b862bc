import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  Availability,
  Cart_State,
  type CartLine as CartLineMessage,
  CartLineSchema,
  type Cart as CartMessage,
  CartSchema,
  type LeftOutLine as LeftOutLineMessage,
  LeftOutLineSchema,
  PriceChangeSchema,
} from "@sagacart/proto/order/v1/cart";
import { MoneySchema } from "@sagacart/proto/type/v1/money";
import { type Cart, type CartLine, type CartState, etagOf, type LeftOutLine, totalOf } from "./cart.ts";
import { lineStatus } from "./line-status.ts";
import type { Quotes } from "./quote.ts";

/**
 * A cart on the wire. An empty one has no total, since there is no currency. With quotes for its products, the lines of
 * an open cart say whether they can be bought and whether their prices have changed.
 */
export function cartMessage(cart: Cart, quotes?: Quotes): CartMessage {
  const total = totalOf(cart.lines);
  return create(CartSchema, {
    id: cart.id,
    customerId: cart.customerId,
    name: cart.name,
    state: Cart_State[cart.state],
    isDefault: cart.isDefault,
    lines: cart.lines.map((line) => lineMessage(line, cart.state === "OPEN" ? quotes : undefined)),
    ...(total === undefined ? {} : { total: create(MoneySchema, total) }),
    etag: etagOf(cart),
    orderId: cart.orderId ?? "",
    lastFailureReason: cart.lastFailureReason,
    mergedInto: cart.mergedInto ?? "",
    createTime: timestampFromDate(cart.createTime),
    updateTime: timestampFromDate(cart.updateTime),
  });
}

/** A line that was left out, on the wire. */
export function leftOutMessage(line: LeftOutLine): LeftOutLineMessage {
  return create(LeftOutLineSchema, line);
}

/** The stored name of a state on the wire; undefined for UNSPECIFIED. */
export function cartStateFromProto(state: Cart_State): CartState | undefined {
  return names.find((name) => Cart_State[name] === state);
}

const names: readonly CartState[] = ["OPEN", "CHECKING_OUT", "PURCHASED", "DELETED", "EXPIRED", "MERGED"];

function lineMessage(line: CartLine, quotes: Quotes | undefined): CartLineMessage {
  const { productId, sku, title, quantity, currency, unitPriceMinor } = line;
  const unitPrice = create(MoneySchema, { currencyCode: currency, minorUnits: unitPriceMinor });
  const message = create(CartLineSchema, { productId, sku, title, quantity, unitPrice });
  if (quotes === undefined) {
    return message;
  }
  const { availability, available, newPrice } = lineStatus(line, quotes);
  if (availability !== undefined && available !== undefined) {
    message.availability = Availability[availability];
    message.availableQuantity = available;
  }
  if (newPrice !== undefined) {
    message.priceChange = create(PriceChangeSchema, {
      oldUnitPrice: unitPrice,
      newUnitPrice: create(MoneySchema, newPrice),
    });
  }
  return message;
}
