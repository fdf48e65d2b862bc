import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { Shipment_State } from "@sagacart/proto/shipping/v1/shipment";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressTo, startTestShipping, type TestShipping } from "../testing/stack.ts";
import type { CancelAnswer, CarrierAnswer } from "./carrier.ts";

let stack: TestShipping;
/** The carrier's answer about an order, instead of its own answer. */
const booked = new Map<string, CarrierAnswer>();
const cancelled = new Map<string, CancelAnswer>();

beforeAll(async () => {
  stack = await startTestShipping({
    wrap: (carrier) => ({
      create: async (key, ...call) => booked.get(key) ?? (await carrier.create(key, ...call)),
      cancel: async (key, ...call) => cancelled.get(key) ?? (await carrier.cancel(key, ...call)),
    }),
  });
});
afterAll(() => stack?.[Symbol.asyncDispose]());

const refusals: [string, CancelAnswer][] = [
  ["on_its_way", "on_its_way"],
  ["gone", { refused: "gone" }],
  ["http_422", { refused: "http_422" }],
];

async function make(orderId: string): Promise<string> {
  const { outcomes } = await stack.shipping.batchCreateShipments({
    items: [{ orderId, customerId: "ada", address: addressTo("10115") }],
  });
  const outcome = outcomes[0]?.outcome;
  return outcome?.case === "refused" ? outcome.value.refusalReason : String(outcome?.case);
}

async function commandsOf(orderId: string): Promise<string[]> {
  const { rows } = await stack.pool.query("select kind from commands where subject = $1 order by id", [orderId]);
  return rows.map(({ kind }) => kind);
}

async function shipmentOf(orderId: string) {
  return (await stack.shipping.getShipment({ orderId })).shipment;
}

test.each(["undeliverable_address", "http_422", "http_410", "account_closed"])(
  "a shipment that is refused as %s is REFUSED at once, and is not asked for again",
  async (reason) => {
    const orderId = `book-${reason}`;
    booked.set(orderId, { kind: "refused", reason });
    expect(await make(orderId)).toBe(reason);
    booked.delete(orderId);
    expect(await make(orderId)).toBe(reason);
    expect(await shipmentOf(orderId)).toMatchObject({ state: Shipment_State.REFUSED, refusalReason: reason });
  },
);

test.each(refusals)(
  "a cancellation that the carrier refuses as %s fails at once, and says why",
  async (name, answer) => {
    const orderId = `cancel-${name}`;
    await make(orderId);
    cancelled.set(orderId, answer);
    const error = errorInfo(await stack.shipping.cancelShipment({ orderId }).catch((error) => error));
    expect(error).toMatchObject(
      name === "on_its_way"
        ? { code: Code.FailedPrecondition, reason: "SHIPMENT_ON_ITS_WAY" }
        : {
            code: Code.FailedPrecondition,
            reason: "SHIPMENT_NOT_GIVEN_BACK",
            message: `the carrier refuses to give back the shipment of order ${orderId}: ${name}`,
            metadata: { order_id: orderId, refusal_reason: name },
          },
    );
    expect((await shipmentOf(orderId))?.state).toBe(Shipment_State.ACCEPTED);
  },
);

test.each(refusals)(
  "a recall that the carrier refuses as %s ends with a command for the operators, and can be retried",
  async (name, answer) => {
    const orderId = `recall-${name}`;
    cancelled.set(orderId, answer);
    await stack.pool.query(
      `insert into shipments (order_id, customer_id, kind, state, address, event_sequence, recall_time)
       values ($1, 'ada', 'CARRIER', 'CANCELLED', '{"postalCode": "10115"}', 1, now())`,
      [orderId],
    );

    await expect.poll(async () => (await shipmentOf(orderId))?.recallRefusal, { timeout: 30_000 }).toBe(name);
    expect(await commandsOf(orderId)).toEqual(["RECALL_CHANGED"]);
    const { rows } = await stack.pool.query("select recall_time from shipments where order_id = $1", [orderId]);
    expect(rows).toEqual([{ recall_time: null }]);

    cancelled.set(orderId, "cancelled");
    await stack.shipping.retryRecall({ orderId });
    await expect.poll(async () => (await shipmentOf(orderId))?.recallRefusal, { timeout: 30_000 }).toBe("");
    expect(await commandsOf(orderId)).toEqual(["RECALL_CHANGED", "RECALL_CHANGED"]);
  },
);

test("retrying a recall that was not refused changes nothing", async () => {
  await make("plain");
  const { shipment } = await stack.shipping.retryRecall({ orderId: "plain" });
  expect(shipment?.state).toBe(Shipment_State.ACCEPTED);
  expect(errorInfo(await stack.shipping.retryRecall({ orderId: "none" }).catch((error) => error)).reason).toBe(
    "SHIPMENT_NOT_FOUND",
  );
});
