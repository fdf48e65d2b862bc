import { createClient } from "@connectrpc/connect";
import { openChannel } from "@sagacart/chassis/client/client";
import { errorInfo } from "@sagacart/chassis/errors";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { silentLog } from "@sagacart/chassis/testing/log";
import { findPersonalData } from "@sagacart/privacy/erase-store";
import { personalData } from "@sagacart/privacy/personal-data";
import { startTestIdentityFeed } from "@sagacart/privacy/testing/identity";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { OrderService, WaitFor } from "@sagacart/proto/order/v1/order_service";
import { expect, test } from "vitest";
import { guestCustomerIdOf } from "../carts/guest-token.ts";
import { startOrderService } from "../testing/order.ts";
import { startOrderErasing } from "./erasing.ts";

test("an order under way keeps its address until it ends; carts go at once, and nothing new comes", async () => {
  await using stack = new AsyncDisposableStack();
  const identity = stack.use(await startTestIdentityFeed());
  const service = stack.use(await startOrderService());
  const { pool } = service;
  const channel = stack.use(openChannel(identity.address));
  const erasing = startOrderErasing({ pool, log: silentLog, channel, settleMs: 0 });
  for (const part of erasing.background) {
    stack.use(part);
  }
  const transport = inMemory(erasing.routes(service.routes), "order.sagacart");
  const [orders, carts, guests] = [
    createClient(OrderService, transport),
    createClient(CartService, transport),
    createClient(GuestCartService, transport),
  ];
  const lines = [{ productId: "mug", quantity: 1 }];
  const shippingAddress = {
    recipient: "Ada",
    line1: "1 Main Street",
    city: "Springfield",
    postalCode: "12345",
    countryCode: "US",
  };
  const wanted = {
    customerId: "ada",
    lines,
    shippingAddress,
    contactEmail: "ada@mail.test",
    waitFor: WaitFor.ACCEPTED,
  };
  await orders.checkout({ orderId: "o-1", ...wanted });
  await carts.createCart({ id: "c-1", customerId: "ada", name: "for Bob", lines });
  const { cart, guestToken } = await guests.createGuestCart({});
  // As a claim leaves it.
  const guestId = guestCustomerIdOf(guestToken);
  await orders.checkout({ orderId: "o-2", ...wanted });
  await pool.query("update orders set state = 'COMPLETED', guest_customer_id = $1 where id = 'o-2'", [guestId]);
  const read = async (id: string) => (await orders.getOrder({ id })).order;

  await identity.deleteUsers(["ada", guestId]);

  await expect.poll(async () => (await read("o-2"))?.contactEmail).toBe("");
  expect(await read("o-2")).toMatchObject({ customerId: "ada", total: { minorUnits: 100n } });
  expect((await read("o-2"))?.shippingAddress).toBeUndefined();
  expect((await read("o-1"))?.shippingAddress).toMatchObject(shippingAddress);
  await expect
    .poll(async () => (await pool.query("select name, state from carts where id = 'c-1'")).rows)
    .toEqual([{ name: "", state: "DELETED" }]);
  await expect.poll(() => identity.reports).toContain(`alias ${guestId} of ada`);
  expect(identity.reports).not.toContain("order ada");
  for (const refused of [
    orders.checkout({ orderId: "o-3", ...wanted }),
    carts.createCart({ customerId: "ada", lines }),
    carts.batchPutCarts({
      items: [
        { id: "c-2", customerId: "bob", lines },
        { id: "c-3", customerId: "ada", lines },
      ],
    }),
    guests.addGuestCartItem({ id: cart?.id ?? "", guestToken, productId: "mug", quantity: 1 }),
  ]) {
    expect(await refused.catch(errorInfo)).toMatchObject({ reason: "CUSTOMER_ERASED" });
  }

  await pool.query("update orders set state = 'COMPLETED' where id = 'o-1'");
  await pool.query("update erasures set next_try_time = now() where report_time is null");

  await expect.poll(() => identity.reports).toContain("order ada");
  expect((await read("o-1"))?.shippingAddress).toBeUndefined();
  // Staff can name the customer of an order that stays.
  const refund = orders.refundOrder({ orderId: "o-0", customerId: "ada", requestId: "r-1", reason: "late" });
  expect(await refund.catch(errorInfo)).toMatchObject({ reason: "ORDER_NOT_FOUND" });
  expect((await pool.query("select method from requests where scope = 'ada'")).rows).toEqual([
    { method: "RefundOrder" },
  ]);
  expect(await findPersonalData(pool, personalData.order, "ada")).toEqual([]);
  const { rows } = await pool.query("select data from events");
  expect(JSON.stringify(rows)).not.toContain("ada@mail.test");
});
