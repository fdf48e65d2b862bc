import { type DescMessage, getOption } from "@bufbuild/protobuf";
import { errorInfo } from "@sagacart/chassis/errors";
import { updatable } from "@sagacart/proto/auth/v1/access";
import { UserAddressSchema, UserSchema } from "@sagacart/proto/identity/v1/user";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity, type TestPerson } from "../testing/identity.ts";

let running: TestIdentity;
let person: TestPerson;
let addressId: string;
const home = { recipient: "Ada", line1: "12 St James's Square", city: "London", postalCode: "SW1Y 4JH" };
const address = { ...home, countryCode: "GB" };
beforeAll(async () => {
  running = await startTestIdentity();
  person = await running.register();
  const created = await person.client.createAddress({ userId: "me", address });
  addressId = created.address?.id ?? "";
});
afterAll(() => running[Symbol.asyncDispose]());

const user = { id: "me", email: "moved@shop.test", phone: "+44 20 7930 3333" };
const updates: readonly (readonly [DescMessage, (paths: string[]) => Promise<unknown>])[] = [
  [UserSchema, (paths) => person.client.updateUser({ user, updateMask: { paths } })],
  [
    UserAddressSchema,
    (paths) =>
      person.client.updateAddress({
        address: { id: addressId, userId: "me", address, isDefault: true },
        updateMask: { paths },
      }),
  ],
];

describe.each(updates.map(([desc, update]) => ({ name: desc.name, fields: desc.fields, update })))("$name", (one) => {
  const changed = one.fields.filter((field) => getOption(field, updatable)).map(({ name }) => name);
  const others = one.fields.map(({ name }) => name).filter((name) => !changed.includes(name));

  test("may be updated in each field that the contract marks as updatable", async () => {
    expect(changed.length).toBeGreaterThan(0);
    await one.update(changed);
  });

  test.each(others)("refuses an update of %s, which the contract does not mark", async (path) => {
    const error = await one.update([path]).then(
      () => new Error("it was accepted"),
      (error: unknown) => error,
    );
    expect(errorInfo(error)).toMatchObject({ reason: "BAD_UPDATE_MASK", metadata: { path } });
  });
});
