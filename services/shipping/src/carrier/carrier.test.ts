import { afterAll, beforeAll, expect, test } from "vitest";
import { addressTo, startTestShipping, type TestShipping } from "../testing/stack.ts";
import type { Carrier } from "./carrier.ts";
import { createHttpCarrier } from "./http-carrier.ts";

let stack: TestShipping;
/** Holds back the calls of the carrier until it is opened. */
let gate: Gate;

beforeAll(async () => {
  gate = openGate();
  // A recall waits for twice the timeout.
  const env = { CARRIER_BATCH_MS: "100", CARRIER_TIMEOUT_MS: "3000" };
  stack = await startTestShipping({ env, wrap: (carrier) => gate.around(carrier) });
});
afterAll(() => stack[Symbol.asyncDispose]());

const customerId = "customer-1";
const accepted = 2;
const cancelled = 4;

async function make(orderId: string, postalCode: string) {
  const items = [{ orderId, customerId, address: addressTo(postalCode) }];
  const { outcomes } = await stack.shipping.batchCreateShipments({ items });
  return outcomes[0]?.outcome.case;
}

async function stateOf(orderId: string) {
  const { shipment } = await stack.shipping.getShipment({ orderId });
  return shipment?.state;
}

/** The commands and events that there are for an order. */
async function settlementOf(orderId: string) {
  const commands = await stack.pool.query("select kind, data from commands where subject = $1", [orderId]);
  const events = await stack.pool.query("select type from events where subject = $1 order by sequence", [orderId]);
  return { commands: commands.rows, events: events.rows.map(({ type }) => type) };
}

const settledOnce = {
  commands: [{ kind: "SHIPMENT_SETTLED", data: { state: "ACCEPTED" } }],
  events: ["sagacart.shipment.accepted.v1"],
};

test.each([
  ["answers after the deadline", "00001"],
  ["is slow", "00002"],
  ["loses its answer", "00003"],
  ["sends its webhook twice", "00004"],
  ["sends its webhook late", "00005"],
  ["is down for three tries", "00006"],
])("a carrier that %s is waited for, and the shipment settles with one command", async (_, postalCode) => {
  const orderId = `fault-${postalCode}`;
  expect(await make(orderId, postalCode)).toBe("waits");
  await expect.poll(() => stateOf(orderId)).toBe(accepted);
  expect(await settlementOf(orderId)).toEqual(settledOnce);
  expect(await stack.carrier.get(orderId)).toMatchObject({ status: "accepted" });
  expect(await make(orderId, postalCode)).toBe("accepted");
  expect(await settlementOf(orderId)).toEqual(settledOnce);
});

test("a repeat while the carrier is being asked does not ask it twice", async () => {
  const gone = await gate.close("asked-once");
  const first = make("asked-once", "10115");
  await gone.arrived;
  const second = make("asked-once", "10115");
  expect(await Promise.all([first, second])).toEqual(["waits", "waits"]);
  gone.open();
  await expect.poll(() => stateOf("asked-once")).toBe(accepted);
  expect(await stack.carrier.get("asked-once")).toMatchObject({ asks: 1 });
  expect(await settlementOf("asked-once")).toEqual(settledOnce);
});

test("a caller that was told to wait gets a command, also when a repeat brings the answer", async () => {
  const gone = await gate.close("second-answers");
  expect(await make("second-answers", "10115")).toBe("waits");
  gone.open();
  await expect.poll(() => make("second-answers", "10115")).toBe("accepted");
  expect(await settlementOf("second-answers")).toEqual(settledOnce);
});

test("an acceptance that comes after the cancellation is called back", async () => {
  const gone = await gate.close("too-late");
  expect(await make("too-late", "10115")).toBe("waits");
  await stack.shipping.cancelShipment({ orderId: "too-late" });
  expect(await stateOf("too-late")).toBe(cancelled);
  gone.open();
  await expect.poll(async () => (await stack.carrier.get("too-late"))?.status).toBe("cancelled");
  expect(await stateOf("too-late")).toBe(cancelled);
  expect(await settlementOf("too-late")).toEqual({
    commands: [{ kind: "SHIPMENT_SETTLED", data: { state: "CANCELLED" } }],
    events: ["sagacart.shipment.cancelled.v1"],
  });
});

test("an acceptance whose answer is lost with the process is called back too", async () => {
  // The first process died when it had asked: what it asked for reaches the carrier after the cancellation.
  await stack.pool.query(
    `insert into shipments (order_id, customer_id, kind, state, address, event_sequence, ask_time)
     values ('orphan', $1, 'CARRIER', 'PENDING', '{"postalCode": "10115"}', 0, now() + interval '1 hour')`,
    [customerId],
  );
  await stack.shipping.cancelShipment({ orderId: "orphan" });
  const carrier = createHttpCarrier({ url: stack.carrier.url, apiKey: "carrier-key" });
  await carrier.create("orphan", addressTo("10115"), AbortSignal.timeout(60_000));
  await expect.poll(async () => (await stack.carrier.get("orphan"))?.status).toBe("cancelled");
});

test("while the carrier is down nothing is cancelled, and the error says to try again", async () => {
  await make("unreachable", "10115");
  await expect.poll(() => stateOf("unreachable")).toBe(accepted);
  gate.fail("unreachable");
  await expect(stack.shipping.cancelShipment({ orderId: "unreachable" })).rejects.toThrow(/could not be asked/);
  expect(await stateOf("unreachable")).toBe(accepted);
});

test("a shipment that the carrier gave back and whose answer was lost is CANCELLED when it is asked again", async () => {
  gate.fail("given-back");
  expect(await make("given-back", "00005")).toBe("waits");
  const carrier = createHttpCarrier({ url: stack.carrier.url, apiKey: "carrier-key" });
  await carrier.create("given-back", addressTo("00005"), AbortSignal.timeout(60_000));
  await carrier.cancel("given-back", AbortSignal.timeout(60_000));
  gate.mend("given-back");
  await expect.poll(() => stateOf("given-back")).toBe(cancelled);
});

test("a batch larger than the carrier can answer in time waits, and all of it is accepted", async () => {
  const items = Array.from({ length: 200 }, (_, index) => ({
    orderId: `many-${index}`,
    customerId,
    address: addressTo(index % 10 === 0 ? "00002" : "10115"),
  }));
  const { outcomes } = await stack.shipping.batchCreateShipments({ items });
  expect(outcomes.map(({ orderId }) => orderId)).toEqual(items.map(({ orderId }) => orderId));
  const waiting = outcomes.filter(({ outcome }) => outcome.case === "waits").map(({ orderId }) => orderId);
  expect(waiting.length).toBeGreaterThanOrEqual(20);
  const open = () => stack.pool.query("select from shipments where order_id like 'many-%' and state <> 'ACCEPTED'");
  await expect.poll(async () => (await open()).rowCount).toBe(0);
  const commands = await stack.pool.query("select subject from commands where subject like 'many-%'");
  // And perhaps for one more that was settled between the deadline and the answer: a command too many does no harm.
  expect(commands.rows.map((row) => row.subject)).toEqual(expect.arrayContaining(waiting));
  const ofThem = (await stack.carrier.list()).filter(({ key }) => key.startsWith("many-"));
  expect(ofThem).toHaveLength(200);
});

test("concurrent create and cancel end in the same state here and at the carrier", async () => {
  const orderIds = Array.from({ length: 40 }, (_, index) => `race-${index}`);
  await Promise.all(
    orderIds.flatMap((orderId, index) => [
      make(orderId, ["10115", "00001", "00003", "00005"][index % 4]!),
      stack.shipping.cancelShipment({ orderId }),
    ]),
  );
  for (const orderId of orderIds) {
    expect(await stateOf(orderId)).toBe(cancelled);
  }
  const live = async () =>
    (await stack.carrier.list()).filter(({ key, status }) => key.startsWith("race-") && status !== "cancelled");
  await expect.poll(live).toEqual([]);
});

type Passage = { readonly arrived: Promise<void>; open(): void };
type Gate = {
  around(carrier: Carrier): Carrier;
  /** Holds back what the carrier is asked about this order, until it is opened. */
  close(orderId: string): Passage;
  /** Fails what the carrier is asked about this order. */
  fail(orderId: string): void;
  mend(orderId: string): void;
};

function openGate(): Gate {
  const passages = new Map<string, { arrive: () => void; opened: Promise<void> }>();
  const broken = new Set<string>();
  const pass = async (orderId: string) => {
    if (broken.has(orderId)) {
      throw new Error("the wire is cut");
    }
    passages.get(orderId)?.arrive();
    await passages.get(orderId)?.opened;
  };
  return {
    around: (carrier) => ({
      async create(orderId, address, signal) {
        await pass(orderId);
        return await carrier.create(orderId, address, signal);
      },
      async cancel(orderId, signal) {
        if (broken.has(orderId)) {
          throw new Error("the wire is cut");
        }
        return await carrier.cancel(orderId, signal);
      },
    }),
    close(orderId) {
      const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
      const { promise: opened, resolve: open } = Promise.withResolvers<void>();
      passages.set(orderId, { arrive, opened });
      return { arrived, open };
    },
    fail: (orderId) => void broken.add(orderId),
    mend: (orderId) => void broken.delete(orderId),
  };
}
