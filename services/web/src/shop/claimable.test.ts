import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { Order_State, OrderSchema } from "@sagacart/proto/order/v1/order";
import { expect, test } from "vitest";
import { findClaimable } from "./claimable.ts";

const orders: Readonly<Record<string, { state: Order_State; contactEmail: string } | ConnectError>> = {
  bought: { state: Order_State.COMPLETED, contactEmail: "Ada@Example.com" },
  declined: { state: Order_State.REJECTED, contactEmail: "ada@example.com" },
  "under-way": { state: Order_State.SHIPPING, contactEmail: "ada@example.com" },
  "of-another-address": { state: Order_State.COMPLETED, contactEmail: "bob@example.com" },
  claimed: new ConnectError("no", Code.NotFound),
  "not-readable": new ConnectError("no", Code.Unavailable),
};

test("orders at their end with the account's address are ready, and those whose token opens nothing are gone", async () => {
  const found = await findClaimable(Object.keys(orders), "ada@example.COM", async (id) => {
    const answer = orders[id];
    if (answer instanceof ConnectError) {
      throw answer;
    }
    return create(OrderSchema, { id, ...answer });
  });

  expect(found.ready.map(({ id }) => id)).toEqual(["bought", "declined"]);
  expect(found.gone).toEqual(["claimed"]);
});
