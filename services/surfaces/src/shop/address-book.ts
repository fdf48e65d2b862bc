import { create } from "@bufbuild/protobuf";
import type { UserAddress } from "@sagacart/proto/identity/v1/user";
import { type Address, AddressSchema } from "@sagacart/proto/type/v1/address";
import type { Clients } from "../services.ts";
import type { AddressChange, NewOrder } from "./bodies.ts";
import { countryCodeOf } from "./country.ts";

export type AddressBook = Clients["users"];

/**
 * Returns the address that an order is sent to: the one that it names, else the user's default one, else undefined, which is
 * for pickup. Throws NOT_FOUND for an unknown user or address.
 */
export async function deliveryAddress(
  users: AddressBook,
  { userId, shippingAddressId }: NewOrder,
): Promise<Address | undefined> {
  const id = String(userId);
  if (shippingAddressId !== undefined && shippingAddressId !== null) {
    const { address } = await users.getAddress({ userId: id, id: String(shippingAddressId) });
    return copyOf(address);
  }
  return copyOf((await allAddresses(users, id)).find(({ isDefault }) => isDefault));
}

/** Returns all of a user's addresses, at most a hundred: the default one first, then the newest. */
export async function allAddresses(users: AddressBook, userId: string): Promise<UserAddress[]> {
  const { addresses } = await users.listAddresses({ userId, pageSize: 200 });
  return addresses.reverse().sort((a, b) => Number(b.isDefault) - Number(a.isDefault));
}

/** Makes an address of the contract from the given fields, and the rest from the old address. */
export function addressFrom(given: AddressChange, before: Partial<Address>): Address {
  const { line1, line2, city, state, postal_code: postalCode, country, phone } = given;
  return create(AddressSchema, {
    recipient: before.recipient ?? "",
    line1: line1 ?? before.line1 ?? "",
    line2: (line2 === undefined ? before.line2 : line2) ?? "",
    city: city ?? before.city ?? "",
    region: state ?? before.region ?? "",
    postalCode: postalCode ?? before.postalCode ?? "",
    countryCode: country === undefined ? (before.countryCode ?? "") : countryCodeOf(country),
    phone: (phone === undefined ? before.phone : phone) ?? "",
  });
}

function copyOf(saved: UserAddress | undefined): Address | undefined {
  return saved?.address === undefined
    ? undefined
    : create(AddressSchema, { ...saved.address, savedAddressId: saved.id });
}
