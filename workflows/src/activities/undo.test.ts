import { create } from "@bufbuild/protobuf";
import { PayBackSchema } from "@sagacart/proto/type/v1/pay_back";
import { expect, test, vi } from "vitest";
import type { OrderState } from "../sagas/plan.ts";
import { anOrder, fakeContext, fakeSaga, movesIn, rpcsIn, workflowId } from "../testing/fake-services.ts";
import { type Undo, undo } from "./undo.ts";

const input = { workflowId, orderIds: ["a", "b", "c"] };
const cancelling = ["a", "b", "c"].map((id) => anOrder(id, "CANCELLING"));
const all: Undo = async (_, orderIds) => orderIds.map((orderId) => ({ orderId }));

/** An undo that succeeds for all orders but these. */
function allBut(...ids: string[]) {
  return vi.fn<Undo>(async (_, orderIds) => orderIds.filter((id) => !ids.includes(id)).map((orderId) => ({ orderId })));
}

test("an order ends once all undos have succeeded; each undo gets all orders", async () => {
  const context = fakeContext({ saga: fakeSaga(cancelling) });
  const [first, second] = [allBut("a"), allBut("b")];
  expect(await undo(context, input, [first, second])).toEqual(["waits", "waits", "gone"]);
  expect(first).toHaveBeenCalledExactlyOnceWith(context.services, ["a", "b", "c"]);
  expect(second).toHaveBeenCalledExactlyOnceWith(context.services, ["a", "b", "c"]);
  expect(movesIn(context.calls)).toEqual([{ orderId: "c", states: ["STATE_CANCELLED"] }]);
});

test("an order ends with what its customer got back, whichever undo told it", async () => {
  const context = fakeContext({ saga: fakeSaga(cancelling) });
  const payBack = create(PayBackSchema, { paidBack: { currencyCode: "USD", minorUnits: 100n } });
  const voidAll: Undo = async (_, orderIds) => orderIds.map((orderId) => ({ orderId, payBack }));
  await undo(context, input, [voidAll, allBut("a", "b")]);
  expect(movesIn(context.calls)).toEqual([
    {
      orderId: "c",
      states: ["STATE_CANCELLED"],
      payBack: { paidBack: { currencyCode: "USD", minorUnits: "100" } },
    },
  ]);
});

test("stock is released also for orders whose money cannot be paid back", async () => {
  const context = fakeContext({ saga: fakeSaga(cancelling) });
  const release = allBut();
  expect(await undo(context, input, [allBut("a", "b", "c"), release])).toEqual(["waits", "waits", "waits"]);
  expect(release).toHaveBeenCalledExactlyOnceWith(context.services, ["a", "b", "c"]);
  expect(movesIn(context.calls)).toEqual([]);
});

test("an undo that fails fails the step once the others were called, and no order ends", async () => {
  const context = fakeContext({ saga: fakeSaga(cancelling) });
  const down = new Error("payment is down");
  const release = vi.fn(all);
  await expect(undo(context, input, [() => Promise.reject(down), release])).rejects.toBe(down);
  expect(release).toHaveBeenCalledExactlyOnceWith(context.services, ["a", "b", "c"]);
  expect(movesIn(context.calls)).toEqual([]);
});

test.each<OrderState>([
  "PENDING",
  "RESERVED",
  "AWAITING_PAYMENT",
  "PAID",
  "SHIPPING",
  "COMPLETED",
  "REJECTED",
  "CANCELLED",
  "EXPIRED",
])("an order that is %s is not undone", async (state) => {
  const context = fakeContext({ saga: fakeSaga([anOrder("a", state)]) });
  const undoStep = allBut();
  expect(await undo(context, { workflowId, orderIds: ["a"] }, [undoStep])).toEqual(["gone"]);
  expect(undoStep).not.toHaveBeenCalled();
  expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin"]);
});

test.each<OrderState>(["REJECTED", "CANCELLED", "EXPIRED"])(
  "an undone order is gone when it ended as %s",
  async (ended) => {
    const context = fakeContext({ saga: fakeSaga([anOrder("a", "CANCELLING")], { a: ended }) });
    expect(await undo(context, { workflowId, orderIds: ["a"] }, [all])).toEqual(["gone"]);
  },
);
