import { uuidv7 } from "@sagacart/chassis/uuid";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { Reservation_State } from "@sagacart/proto/stock/v1/reservation";
import { afterAll, beforeAll, expect, test } from "vitest";
import { authorizationOf } from "../scripts/stack/tokens.ts";
import { callerOf } from "./support/caller.ts";
import { home, makeProduct } from "./support/scenario.ts";
import { startShop, type TestShop, until, untilFinal } from "./support/shop.ts";

// The carrier refuses, so the money is to be paid back; the card provider refuses that in part or for good.

const apiKey = "card-provider-key-of-these-tests";
let test_: TestShop;
beforeAll(async () => {
  test_ = await startShop({ "card-provider": { API_KEY: apiKey }, payment: { PROVIDER_API_KEY: apiKey } });
});
afterAll(() => test_?.[Symbol.asyncDispose]());

async function ask(request: string, body?: object, key = uuidv7()) {
  const authorization = await authorizationOf(test_.stack.addresses, "admin");
  return await callerOf(test_.stack)(request, body, { authorization, "idempotency-key": key });
}

/** Places an order to an address that the carrier refuses. */
async function buyUndeliverable(paymentMethod: string): Promise<Order> {
  const { shop } = test_;
  const productId = await makeProduct(shop, 5);
  const { order } = await shop.orders.checkout({
    ...{ orderId: uuidv7(), customerId: "ada", lines: [{ productId, quantity: 1 }] },
    ...{ paymentMethod, shippingAddress: home("00000"), waitFor: WaitFor.PAID },
  });
  return order!;
}

async function openIncident(orderId: string) {
  return await until(30_000, "an incident", async () => {
    const { body } = await ask(`GET /v1/incidents?orderId=${orderId}&state=STATE_OPEN`);
    return body.incidents?.[0];
  });
}

async function reservationOf(orderId: string) {
  const { reservation } = await test_.shop.stock.getReservation({ id: orderId });
  return reservation?.state;
}

test("after the merchant paid back a part at the provider, a refused shipment pays back the rest and ends the order", async () => {
  const { shop, stack } = test_;
  await stack.kill("shipping", "SIGKILL");
  const { id: orderId } = await buyUndeliverable("pm_ok");
  const { payments } = await shop.payments.listPayments({ orderId });
  const paymentId = payments[0]!.id;
  const refunded = await fetch(`http://${stack.addresses["card-provider"]}/dashboard/refunds/k`, {
    method: "PUT",
    headers: { authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ charge: paymentId, amountMinor: "40" }),
  });
  expect(await refunded.json()).toMatchObject({ status: "succeeded" });
  await stack.start("shipping");

  const order = await untilFinal(shop, orderId);

  expect(order).toMatchObject({ state: Order_State.CANCELLED, outcomeReason: "SHIPMENT_REFUSED" });
  expect(await reservationOf(orderId)).toBe(Reservation_State.RELEASED);
  const { refunds } = await shop.payments.listRefunds({ orderId });
  const made = refunds.filter(({ failureReason }) => failureReason === "");
  expect(made.map(({ amount }) => amount?.minorUnits).toSorted()).toEqual([40n, 60n]);
  expect((await ask(`GET /v1/incidents?orderId=${orderId}&state=STATE_OPEN`)).body.incidents ?? []).toEqual([]);
  expect(await test_.breaches()).toEqual([]);
});

test("money that the provider refuses for good to pay back is an incident at once, and is settled by hand", async () => {
  const { shop } = test_;
  const { id: orderId } = await buyUndeliverable("pm_refund_charge_disputed");

  const incident = await openIncident(orderId);
  expect(incident).toMatchObject({ step: "pay_back" });
  expect(incident.error).toMatch(/refuses for good to pay back 100 minor units \(USD\) .*charge_disputed/);
  const { order } = await shop.orders.getOrder({ id: orderId });
  expect(order?.state).toBe(Order_State.CANCELLING);
  expect(await reservationOf(orderId)).toBe(Reservation_State.RELEASED);
  expect(await test_.breaches({ stalledAfterMs: 0 })).toEqual([]);
  // Retrying changes nothing while the charge is disputed.
  expect((await ask(`POST /v1/incidents/${incident.id}:retry`, {})).status).toBe(200);

  const [refused] = (await ask(`GET /v1/refunds?orderId=${orderId}`)).body.refunds;
  await until(30_000, "the retry to be refused", async () =>
    (await ask(`GET /v1/refunds/${refused.id}`)).body.refund.refusals === 2 ? true : undefined,
  );
  const settlement = { reason: "bank transfer 4711" };
  const settled = await ask(`POST /v1/refunds/${refused.id}:settle`, settlement, "settle-1");
  expect([settled.status, settled.body.refund]).toMatchObject([
    200,
    {
      source: "SOURCE_HAND",
      amount: { currencyCode: "USD", minorUnits: "100" },
      requestedBy: { kind: "KIND_OPERATOR", id: expect.stringMatching(/./) },
    },
  ]);
  expect((await ask(`POST /v1/refunds/${refused.id}:settle`, settlement, "settle-1")).body).toEqual(settled.body);

  expect((await untilFinal(shop, orderId)).state).toBe(Order_State.CANCELLED);
  await until(30_000, "the incident to be resolved", async () => {
    const { body } = await ask(`GET /v1/incidents/${incident.id}`);
    return body.incident.state === "STATE_RESOLVED" ? body.incident : undefined;
  });
  expect(await test_.breaches()).toEqual([]);
});
