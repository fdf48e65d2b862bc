import { Code } from "@connectrpc/connect";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { expect, test } from "vitest";
import type { OrderState, Outcome, OutcomeByState } from "../sagas/plan.ts";
import { anOrder, fakeContext, fakeSaga, refusal, workflowId } from "../testing/fake-services.ts";
import { isIn, moveToOutcomes, statesOf, toUndo } from "./move.ts";

const paid = (orderId: string) => ({ orderId, states: [Order_State.PAID] });

test("a move returns the state of each order, and the cache has it", async () => {
  const { cache, move, calls } = fakeContext({ saga: fakeSaga([anOrder("a", "RESERVED")]) });
  await cache.take(workflowId, ["a"]);
  expect(await move(workflowId, [paid("a")])).toEqual(new Map([["a", Order_State.PAID]]));
  expect((await cache.recall(workflowId, ["a"])).get("a")?.state).toBe(Order_State.PAID);
  expect(calls).toHaveLength(2);
});

test("nothing is asked for no moves", async () => {
  const { move, calls } = fakeContext({ saga: fakeSaga([]) });
  expect(await move(workflowId, [])).toEqual(new Map());
  expect(calls).toEqual([]);
});

test("a move that fails leaves the cache as it was", async () => {
  const batchMove = () => {
    throw refusal("CONTENTION", Code.Aborted);
  };
  const { cache, move } = fakeContext({ saga: { ...fakeSaga([anOrder("a", "RESERVED")]), batchMove } });
  await cache.take(workflowId, ["a"]);
  await expect(move(workflowId, [paid("a")])).rejects.toMatchObject({ code: Code.Aborted });
  expect((await cache.recall(workflowId, ["a"])).get("a")?.state).toBe(Order_State.RESERVED);
});

test("outcomes come from the states after the move, in the order of the input", async () => {
  const context = fakeContext({ saga: fakeSaga([], { moved: "CANCELLING", lost: "UNSPECIFIED" }) });
  const orders = new Map(["moved", "lost", "still"].map((id) => [id, anOrder(id, "RESERVED")]));
  const after: OutcomeByState = { RESERVED: "waits", CANCELLING: "undo" };
  const input = { workflowId, orderIds: ["still", "unknown", "lost", "moved"] };
  expect(await moveToOutcomes(context, input, { orders, moves: [paid("moved"), paid("lost")], after })).toEqual([
    "waits",
    "gone",
    "gone",
    "undo",
  ]);
});

test("a state that is not known here is gone", async () => {
  const context = fakeContext({});
  const order = anOrder("a", "PENDING");
  order.state = 99 as Order_State;
  const input = { workflowId, orderIds: ["a"] };
  const after = { PENDING: "next" } as const;
  expect(await moveToOutcomes(context, input, { orders: new Map([["a", order]]), moves: [], after })).toEqual<
    Outcome[]
  >(["gone"]);
});

test("a move that begins the undo says how the order ends; its detail is cut to 500 characters", () => {
  expect(toUndo("a", Order_State.EXPIRED, "PAYMENT_OVERDUE", "x".repeat(501))).toEqual({
    orderId: "a",
    states: [Order_State.CANCELLING],
    endsAs: Order_State.EXPIRED,
    outcomeReason: "PAYMENT_OVERDUE",
    outcomeDetail: "x".repeat(500),
  });
});

test("states are named as in the plan", () => {
  const names: OrderState[] = ["RESERVED", "PAID"];
  expect(statesOf(names)).toEqual([Order_State.RESERVED, Order_State.PAID]);
  expect(isIn(anOrder("a", "PAID"), names)).toBe(true);
  expect(isIn(anOrder("a", "SHIPPING"), names)).toBe(false);
});
