import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { formatMoney } from "@sagacart/chassis/money";
import type { User, UserAddress } from "@sagacart/proto/identity/v1/user";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import type { Product } from "@sagacart/proto/stock/v1/product";
import type { Address } from "@sagacart/proto/type/v1/address";
import type { Money } from "@sagacart/proto/type/v1/money";
import type { Status } from "./bodies.ts";

/** A product as this surface shows it: `stock` is what can be sold. */
export function productOf({ id, title, description, price, available }: Product) {
  return { id, name: title, description: description || null, price: decimalOf(price), stock: available };
}

/** An order in a list. */
export function summaryOf(order: Order) {
  return {
    id: order.id,
    user_id: order.customerId,
    status: statusOf(order),
    total_amount: decimalOf(order.total),
    created_at: httpDate(order.createTime),
  };
}

/** One order. */
export function orderOf(order: Order) {
  return {
    ...summaryOf(order),
    shipping_address_id: addressIdOf(order),
    updated_at: httpDate(order.updateTime),
    items: order.lines.map(({ productId, quantity, unitPrice }) => ({
      product_id: productId,
      quantity,
      price: decimalOf(unitPrice),
    })),
  };
}

/** Maps an order's state to the three of this surface. */
export function statusOf({ state }: Pick<Order, "state">): Status {
  for (const [status, states] of statesOf) {
    if (states.includes(state)) {
      return status;
    }
  }
  return "PENDING";
}

/** The states that a status covers. */
export const statesOf: ReadonlyMap<Status, readonly Order_State[]> = new Map([
  ["PENDING", [Order_State.PENDING, Order_State.RESERVED, Order_State.AWAITING_PAYMENT]],
  ["PAID", [Order_State.PAID, Order_State.SHIPPING, Order_State.COMPLETED]],
  // An order that is being undone never becomes valid again.
  ["CANCELLED", [Order_State.CANCELLING, Order_State.REJECTED, Order_State.CANCELLED, Order_State.EXPIRED]],
]);

/** The saved address that an order is sent to; null for pickup. */
export function addressIdOf({ shippingAddress }: Order): string | null {
  return shippingAddress?.savedAddressId || null;
}

/** A user, as others see them. */
export function userOf({ id, username, email, phone, createTime }: User, addresses: readonly UserAddress[]) {
  return {
    id,
    username,
    email,
    phone: phone || null,
    created_at: httpDate(createTime),
    addresses: addresses.map(savedAddressOf),
  };
}

/** An address of a user's address book. */
export function savedAddressOf({ id, address, isDefault }: UserAddress) {
  return { id, ...addressOf(address), is_default: isDefault ? 1 : 0 };
}

/** Returns 1 if this is the default one of a user's addresses, as this surface writes a truth; else 0. */
export function isDefaultOf(addresses: readonly UserAddress[], id: string | null): 0 | 1 {
  return addresses.some((address) => address.isDefault && address.id === id) ? 1 : 0;
}

/** An address by itself. */
export function addressOf(address: Address | undefined) {
  return {
    line1: address?.line1 ?? "",
    line2: address?.line2 || null,
    city: address?.city ?? "",
    state: address?.region ?? "",
    postal_code: address?.postalCode ?? "",
    country: address?.countryCode ?? "",
    phone: address?.phone || null,
  };
}

/** `1200.00` */
export function decimalOf(money: Money | undefined): string {
  return money === undefined ? "0.00" : (formatMoney(money).split(" ", 1)[0] ?? "");
}

/** A time in Flask's format: `Wed, 27 Aug 2025 09:00:35 GMT`. */
export function httpDate(time: Timestamp | undefined): string | null {
  return time === undefined ? null : timestampDate(time).toUTCString();
}
