import { expect, test, vi } from "vitest";
import type { StepInput } from "../sagas/steps.ts";
import { createCarry } from "./carry.ts";
import { createCarried } from "./finished-batches.ts";

const workflowId = "checkout-1";

/** Steps that answer the letters given for each order, and "n" or, at the end, "g" for others; with what they were asked. */
function stepsThatAnswer(answers: Record<string, Record<string, string>>) {
  const asked: string[] = [];
  const step = (name: string, usual: string) => async (input: StepInput) => {
    expect(input.workflowId).toBe(workflowId);
    asked.push(`${name} ${input.orderIds.join(" ")}`);
    return input.orderIds.map((id) => answers[name]?.[id] ?? usual).join("");
  };
  return {
    asked,
    steps: {
      reserve: step("reserve", "n"),
      charge: step("charge", "n"),
      ship: step("ship", "g"),
      undo: step("undo", "g"),
    },
  };
}

test("a step takes those that go on, and what each order comes to is answered in the order asked", async () => {
  const { steps, asked } = stepsThatAnswer({ reserve: { soldOut: "g", later: "w" }, ship: { slowCarrier: "w" } });
  const { carry } = createCarry(steps, createCarried());

  const codes = await carry({ workflowId, orderIds: ["soldOut", "good", "later", "slowCarrier"] });

  expect(codes).toBe("ggww");
  expect(asked).toEqual(["reserve soldOut good later slowCarrier", "charge good slowCarrier", "ship good slowCarrier"]);
});

test("nothing is asked for no orders", async () => {
  const { steps, asked } = stepsThatAnswer({ reserve: { a: "g" } });

  expect(await createCarry(steps, createCarried()).carry({ workflowId, orderIds: ["a"] })).toBe("g");
  expect(asked).toEqual(["reserve a"]);
});

test("what is refused is undone beside the others, whichever step refused it", async () => {
  const { steps, asked } = stepsThatAnswer({ charge: { declined: "u" }, ship: { refused: "u" } });
  const { carry } = createCarry(steps, createCarried());

  expect(await carry({ workflowId, orderIds: ["declined", "good", "refused"] })).toBe("ggg");
  expect(asked).toContain("undo declined");
  expect(asked).toContain("undo refused");
});

test("what cannot be undone now, or has to wait, is left to be", async () => {
  const { steps } = stepsThatAnswer({ charge: { declined: "u" } });
  const failing = { ...steps, undo: () => Promise.reject(new Error("payment is down")) };
  const waiting = { ...steps, undo: async () => "w" };

  expect(await createCarry(failing, createCarried()).carry({ workflowId, orderIds: ["declined", "good"] })).toBe("ug");
  expect(await createCarry(waiting, createCarried()).carry({ workflowId, orderIds: ["declined", "good"] })).toBe("wg");
});

test("it fails as its step does, when what is undone meanwhile is over, and tells nobody that it is over", async () => {
  const { steps } = stepsThatAnswer({ charge: { declined: "u" } });
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<string>();
  const down = new Error("shipping is down");
  const carried = createCarried();
  const heard = vi.fn();
  carried.listen(workflowId, heard);
  const { carry } = createCarry({ ...steps, ship: () => Promise.reject(down), undo: () => mayEnd }, carried);

  const carrying = carry({ workflowId, orderIds: ["declined", "good"] });
  const failed = vi.fn();
  carrying.catch(failed);
  await new Promise(setImmediate);
  expect(failed).not.toHaveBeenCalled();
  end("g");

  await expect(carrying).rejects.toBe(down);
  expect(heard).not.toHaveBeenCalled();
});

test("the word that a batch's steps are over comes to who listens for it, once, and to nobody else", async () => {
  const { steps } = stepsThatAnswer({});
  const carried = createCarried();
  const { carry } = createCarry(steps, carried);
  const [mine, another, deaf] = [vi.fn(), vi.fn(), vi.fn()];
  carried.listen(workflowId, mine);
  carried.listen("checkout-2", another);
  carried.listen("checkout-3", deaf)();

  await carry({ workflowId, orderIds: ["a"] });
  carried.tell(workflowId);
  carried.tell("checkout-3");

  expect(mine).toHaveBeenCalledOnce();
  expect(another).not.toHaveBeenCalled();
  expect(deaf).not.toHaveBeenCalled();
});
