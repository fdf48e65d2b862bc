import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import type { Order } from "@sagacart/proto/order/v1/order";
import { BatchReserveResponse_Refused_Reason } from "@sagacart/proto/stock/v1/stock_service";
import { describe, expect, test } from "vitest";
import { plan } from "../sagas/plan.ts";
import type { BatchSteps } from "../sagas/steps.ts";
import { anOrder, type Fakes, fakeSaga, fakeServices, refusal, workflowId } from "../testing/fake-services.ts";
import { createActivities } from "./activities.ts";
import { createCarry } from "./carry.ts";
import { createFinishedBatches } from "./finished-batches.ts";

/** Orders whose ids say how they end. */
const ends = {
  completed: "k",
  soldOut: "s",
  declined: "d",
  refusedByCarrier: "c",
  reservationExpired: "e",
  anothers: "x",
} as const;
type Id = keyof typeof ends;
const all = Object.keys(ends) as Id[];
const codes = all.map((id) => ends[id]).join("");

const { OUT_OF_STOCK, EXPIRED } = BatchReserveResponse_Refused_Reason;
const refused = (value: object) => ({ case: "refused", value }) as const;

/** The services of a shop with the orders above, except the one that is another workflow's. */
function shop(more: Fakes = {}) {
  const orders: Order[] = all.filter((id) => id !== "anothers").map((id) => anOrder(id, "PENDING"));
  return {
    saga: fakeSaga(orders),
    stock: {
      batchReserve: ({ items }) => ({
        outcomes: items.map(({ orderId }) => ({
          orderId,
          outcome:
            orderId === "soldOut"
              ? refused({ reason: OUT_OF_STOCK })
              : orderId === "reservationExpired"
                ? refused({ reason: EXPIRED })
                : { case: "reserved", value: {} },
        })),
      }),
      batchCommit: ({ orderIds }) => ({
        outcomes: orderIds.map((orderId) => ({ orderId, outcome: { case: "committed", value: {} } })),
      }),
      batchRelease: ({ orderIds }) => ({
        outcomes: orderIds.map((orderId) => ({ orderId, outcome: { case: "released", value: {} } })),
      }),
    },
    payment: {
      batchCharge: ({ items }) => ({
        outcomes: items.map(({ orderId }) => ({
          orderId,
          outcome:
            orderId === "declined" ? refused({ reason: 1, declineReason: "no" }) : { case: "captured", value: {} },
        })),
      }),
      batchVoid: ({ items }) => ({
        outcomes: items.map(({ orderId }) => ({ orderId, outcome: { case: "voided", value: {} } })),
      }),
    },
    shipping: {
      batchCreateShipments: ({ items }) => ({
        outcomes: items.map(({ orderId }) => ({
          orderId,
          outcome: orderId === "refusedByCarrier" ? refused({ refusalReason: "no" }) : { case: "accepted", value: {} },
        })),
      }),
    },
    ...more,
  } satisfies Fakes;
}

/** A worker: its activities, and a carry over them. Another one over the same fakes has none of its memory. */
function worker(fakes: Fakes) {
  const steps = createActivities(fakeServices(fakes).services);
  return { steps, ...createCarry(steps, createFinishedBatches()) };
}

const input = { workflowId, orderIds: all, tellEnds: true };

describe("how orders ended", () => {
  test("is told by the run that ends them", async () => {
    expect(await worker(shop()).carry(input)).toBe(codes);
  });

  test.each<[string, keyof BatchSteps | "carry"]>([
    ["all steps", "carry"],
    ["the first step", "reserve"],
    ["a later step", "charge"],
    ["the last step", "ship"],
    ["the undo", "undo"],
  ])("is told when a worker was killed before its answer arrived, and another one runs %s", async (_, again) => {
    const fakes = shop();
    await worker(fakes).carry(input);
    const { steps, carry } = worker(fakes);
    expect(await { ...steps, carry }[again](input)).toBe(codes);
  });

  test("is told when the answer was lost, and the same worker runs the steps again", async () => {
    const { carry } = worker(shop());
    await carry(input);
    expect(await carry(input)).toBe(codes);
  });

  test.each(plan.map(({ name }) => name))(
    "is told when %s fails in a row, and steps run one by one",
    async (failing) => {
      const { steps } = worker(shop());
      const down = async () => Promise.reject(refusal("DOWN", Code.Unavailable));
      await expect(createCarry({ ...steps, [failing]: down }, createFinishedBatches()).carry(input)).rejects.toThrow();

      const told = new Map<string, string>();
      const run = async (name: keyof BatchSteps, orderIds: readonly string[]) => {
        const answer = orderIds.length === 0 ? "" : await steps[name]({ ...input, orderIds });
        for (const [index, orderId] of orderIds.entries()) told.set(orderId, answer.charAt(index));
        return orderIds.filter((orderId) => told.get(orderId) === "n");
      };
      let going: readonly string[] = all;
      for (const { name } of plan) {
        going = await run(name, going);
        await run(
          "undo",
          all.filter((orderId) => told.get(orderId) === "u"),
        );
      }
      expect(all.map((orderId) => told.get(orderId)).join("")).toBe(codes);
    },
  );

  test("is not claimed where an older order service does not tell", async () => {
    const batchBegin = () => ({
      outcomes: [
        { orderId: "a", outcome: { case: "dropped", value: { workflowId } } } as const,
        { orderId: "b", outcome: { case: "dropped", value: { workflowId: "another" } } } as const,
      ],
    });
    const { carry } = worker({ saga: { batchBegin } });
    expect(await carry({ ...input, orderIds: ["a", "b"] })).toBe("gx");
  });
});

test("a workflow that does not ask gets only letters that older code decodes", async () => {
  const fakes = shop();
  const first = await worker(fakes).carry({ workflowId, orderIds: all });
  const { steps, carry } = worker(fakes);
  const again = await Promise.all(
    [carry, steps.reserve, steps.charge, steps.ship, steps.undo].map((run) => run({ workflowId, orderIds: all })),
  );
  expect([first, ...again]).toEqual(Array.from({ length: 6 }, () => "g".repeat(all.length)));
});

test("an order that was cancelled while it waited for its worker is told as cancelled", async () => {
  const order = anOrder("a", "CANCELLED", { cancelRequestTime: timestampFromMs(1_000) });
  expect(await worker({ saga: fakeSaga([order]) }).carry({ ...input, orderIds: ["a"] })).toBe("c");
});
