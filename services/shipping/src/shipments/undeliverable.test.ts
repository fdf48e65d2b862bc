import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { BatchCreateShipmentsResponse_Refused_Reason as Reason } from "@sagacart/proto/shipping/v1/shipping_service";
import { AddressSchema } from "@sagacart/proto/type/v1/address";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressTo, startTestShipping, type TestShipping } from "../testing/stack.ts";

let stack: TestShipping;
beforeAll(async () => {
  stack = await startTestShipping();
});
afterAll(() => stack[Symbol.asyncDispose]());

const customerId = "customer-1";

function address(changes: MessageInitShape<typeof AddressSchema>) {
  return Object.assign(create(AddressSchema, addressTo("10115")), changes);
}

const undeliverable: readonly [string, ReturnType<typeof address>, string][] = [
  ["a line break in the recipient", address({ recipient: "Ada\nLovelace" }), "address.recipient"],
  ["a zero-width space in the recipient", address({ recipient: "Ada\u200bLovelace" }), "address.recipient"],
  ["a zero-width joiner in the recipient", address({ recipient: "Ada\u200dLovelace" }), "address.recipient"],
  ["a right-to-left override in the street", address({ line1: "\u202eteerts" }), "address.line1"],
  ["a control character in the second line", address({ line2: "Flat\u0007 3" }), "address.line2"],
  ["a line separator in the town", address({ city: "Ber\u2028lin" }), "address.city"],
  ["a blank recipient", address({ recipient: " \u3000" }), "address.recipient"],
  ["no town", address({ city: "" }), "address.city"],
  ["no postal code", address({ postalCode: "" }), "address.postal_code"],
  ["a dash for a postal code", address({ postalCode: "-" }), "address.postal_code"],
  ["a postal code of another country", address({ postalCode: "SW1Y 4JH" }), "address.postal_code"],
  ["a withdrawn country", address({ countryCode: "FX" }), "address.country_code"],
  ["a reserved code for a country", address({ countryCode: "UK" }), "address.country_code"],
  ["an unknown country", address({ countryCode: "ZZ" }), "address.country_code"],
];

test.each(undeliverable)("%s is refused, and never reaches the carrier", async (about, given, field) => {
  const single = stack.shipping.createShipment({ orderId: "single", customerId, address: given });
  expect(errorInfo(await single.catch((error) => error))).toMatchObject({
    code: Code.InvalidArgument,
    violations: [{ field }],
  });

  const orderId = `bad-${undeliverable.findIndex(([each]) => each === about)}`;
  const good = `${orderId}-beside`;
  const items = [
    { orderId, customerId, address: given },
    { orderId: good, customerId, address: addressTo("10115") },
  ];
  for (const _ of ["once", "again"]) {
    const { outcomes } = await stack.shipping.batchCreateShipments({ items });
    expect(outcomes.map(({ outcome }) => [outcome.case, outcome.value])).toEqual([
      ["refused", expect.objectContaining({ reason: Reason.REFUSED, refusalReason: "undeliverable_address" })],
      ["accepted", expect.anything()],
    ]);
  }
  expect(await stack.carrier.get(orderId)).toBeUndefined();
  expect(await stack.carrier.get(good)).toBeDefined();
});

test("a batch in which every address is refused has an outcome for each", async () => {
  const items = undeliverable.map(([, given], index) => ({ orderId: `all-${index}`, customerId, address: given }));
  const { outcomes } = await stack.shipping.batchCreateShipments({ items });
  expect(outcomes.map(({ orderId, outcome }) => [orderId, outcome.case])).toEqual(
    items.map(({ orderId }) => [orderId, "refused"]),
  );
});

test("a shipment that the carrier has already accepted stays accepted", async () => {
  const given = address({ postalCode: "-" });
  await stack.shipping.batchCreateShipments({
    items: [{ orderId: "before", customerId, address: addressTo("10115") }],
  });
  await stack.pool.query(
    `update shipments set address = jsonb_set(address, '{postalCode}', '"-"') where order_id = 'before'`,
  );
  const { outcomes } = await stack.shipping.batchCreateShipments({
    items: [{ orderId: "before", customerId, address: given }],
  });
  expect(outcomes[0]?.outcome.case).toBe("accepted");
});

test("an address without a postal code reaches the carrier in a country that needs none", async () => {
  const codes = ["HK", "AE", "QA", "AO", "PA", "BO", "IE", "CL"];
  const items = codes.map((countryCode) => ({
    orderId: `to-${countryCode}`,
    customerId,
    address: address({ countryCode, postalCode: "" }),
  }));
  const { outcomes } = await stack.shipping.batchCreateShipments({ items });
  expect(outcomes.map(({ outcome }) => outcome.case)).toEqual(codes.map(() => "accepted"));
});
