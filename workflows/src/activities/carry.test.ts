import { expect, test, vi } from "vitest";
import { plan } from "../sagas/plan.ts";
import type { BatchSteps, StepInput } from "../sagas/steps.ts";
import { createCarry } from "./carry.ts";
import { createFinishedBatches } from "./finished-batches.ts";

const workflowId = "checkout-1";

/** Steps that answer the given codes, and otherwise "n" or, for the last step, "g"; `asked` lists the calls. */
function stepsThatAnswer(answers: Record<string, Record<string, string>>) {
  const asked: string[] = [];
  const step = (name: string, usual: string) => async (input: StepInput) => {
    expect(input.workflowId).toBe(workflowId);
    asked.push(`${name} ${input.orderIds.join(" ")}`);
    return input.orderIds.map((id) => answers[name]?.[id] ?? usual).join("");
  };
  const last = plan.at(-1)?.name;
  const steps = plan.map(({ name }) => [name, step(name, name === last ? "g" : "n")]);
  return { asked, steps: { ...Object.fromEntries(steps), undo: step("undo", "g") } as BatchSteps };
}

test("each step gets the orders that go on, and the outcomes are in the order of the input", async () => {
  const { steps, asked } = stepsThatAnswer({ reserve: { soldOut: "g", later: "w" }, ship: { slowCarrier: "w" } });
  const { carry } = createCarry(steps, createFinishedBatches());

  const codes = await carry({ workflowId, orderIds: ["soldOut", "good", "later", "slowCarrier"] });

  expect(codes).toBe("ggww");
  const [first, ...others] = plan.map(({ name }) => name);
  expect(asked).toEqual([
    `${first} soldOut good later slowCarrier`,
    ...others.map((name) => `${name} good slowCarrier`),
  ]);
});

test("a step is not called when no orders are left", async () => {
  const { steps, asked } = stepsThatAnswer({ reserve: { a: "g" } });

  expect(await createCarry(steps, createFinishedBatches()).carry({ workflowId, orderIds: ["a"] })).toBe("g");
  expect(asked).toEqual(["reserve a"]);
});

test("refused orders are undone beside the others, whichever step refused them", async () => {
  const { steps, asked } = stepsThatAnswer({ charge: { declined: "u" }, ship: { refused: "u" } });
  const { carry } = createCarry(steps, createFinishedBatches());

  expect(await carry({ workflowId, orderIds: ["declined", "good", "refused"] })).toBe("ggg");
  expect(asked).toContain("undo declined");
  expect(asked).toContain("undo refused");
});

test("an order whose undo fails keeps the outcome undo, and one whose undo waits gets the outcome waits", async () => {
  const { steps } = stepsThatAnswer({ charge: { declined: "u" } });
  const failing = { ...steps, undo: () => Promise.reject(new Error("payment is down")) };
  const waiting = { ...steps, undo: async () => "w" };

  expect(
    await createCarry(failing, createFinishedBatches()).carry({ workflowId, orderIds: ["declined", "good"] }),
  ).toBe("ug");
  expect(
    await createCarry(waiting, createFinishedBatches()).carry({ workflowId, orderIds: ["declined", "good"] }),
  ).toBe("wg");
});

test("it fails with the error of its step, once running undos have ended, and does not announce the batch", async () => {
  const { steps } = stepsThatAnswer({ charge: { declined: "u" } });
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<string>();
  const down = new Error("shipping is down");
  const finished = createFinishedBatches();
  const listener = vi.fn();
  finished.listen(workflowId, listener);
  const { carry } = createCarry({ ...steps, ship: () => Promise.reject(down), undo: () => mayEnd }, finished);

  const carrying = carry({ workflowId, orderIds: ["declined", "good"] });
  const failed = vi.fn();
  carrying.catch(failed);
  await new Promise(setImmediate);
  expect(failed).not.toHaveBeenCalled();
  end("g");

  await expect(carrying).rejects.toBe(down);
  expect(listener).not.toHaveBeenCalled();
});

test("a finished batch is announced to its listener, once, and to no other", async () => {
  const { steps } = stepsThatAnswer({});
  const finished = createFinishedBatches();
  const { carry } = createCarry(steps, finished);
  const [mine, another, deaf] = [vi.fn(), vi.fn(), vi.fn()];
  finished.listen(workflowId, mine);
  finished.listen("checkout-2", another);
  finished.listen("checkout-3", deaf)();

  await carry({ workflowId, orderIds: ["a"] });
  finished.announce(workflowId);
  finished.announce("checkout-3");

  expect(mine).toHaveBeenCalledOnce();
  expect(another).not.toHaveBeenCalled();
  expect(deaf).not.toHaveBeenCalled();
});
