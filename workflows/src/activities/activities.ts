import { truncate } from "@sagacart/chassis/truncate";
import { Order_State } from "@sagacart/proto/order/v1/order";
import type { Services } from "../clients.ts";
import { type Codes, type End, encodeOutcomes } from "../sagas/codes.ts";
import { type Outcome, type PlanRow, plan } from "../sagas/plan.ts";
import type { StepInput, Steps } from "../sagas/steps.ts";
import { charge, voidPayments } from "./charge.ts";
import { withFailures } from "./failures.ts";
import { giveUp } from "./give-up.ts";
import { look } from "./look.ts";
import { createMover, type Mover, type StepContext } from "./move.ts";
import { createOrderCache } from "./order-cache.ts";
import { pay } from "./pay.ts";
import { refund } from "./refund.ts";
import { release, reserve } from "./reserve.ts";
import { ship } from "./ship.ts";
import { type Undo, undo } from "./undo.ts";

/** The functions that run and undo each step of the plan. */
const planned: PlannedWork = {
  reserve: { run: reserve, undo: release },
  charge: { run: charge, undo: voidPayments },
  ship: { run: ship },
};

type Run = (context: StepContext, input: StepInput) => Promise<Outcome[]>;
/** A row of the plan that names an undo needs one here. */
type PlannedWork = {
  readonly [Row in PlanRow as Row["name"]]: Row["undo"] extends string ? { run: Run; undo: Undo } : { run: Run };
};

/** The undos of the plan, last step first. */
const undos: readonly Undo[] = plan
  .toReversed()
  .map(({ name }): { run: Run; undo?: Undo } => planned[name])
  .flatMap(({ undo }) => undo ?? []);

/** The activities of the saga, over these services. */
export function createActivities(services: Services): Steps {
  const cache = createOrderCache(services.saga);
  const context: StepContext = { services, cache, move: createMover(services.saga, cache) };
  const batchStep = (run: Run, rejected: End) => async (input: StepInput) => {
    const states = new Map<string, Order_State>();
    const outcomes = await run({ ...context, move: recording(context.move, states) }, input);
    return encodeOutcomes(outcomes, (index) => endOf(states.get(input.orderIds[index] ?? ""), rejected));
  };
  return withFailures<Steps>({
    // Without an undo, an order is rejected only because its products are sold out.
    reserve: batchStep(planned.reserve.run, "sold out"),
    charge: batchStep(planned.charge.run, "declined"),
    ship: batchStep(planned.ship.run, "declined"),
    undo: batchStep((undoing, input) => undo(undoing, input, undos), "declined"),
    pay: (input) => coded(pay(context, input)),
    giveUp: (input) => coded(giveUp(context, input)),
    look: (input) => look(context, input),
    refund: (input) => refund(services, input),

    async handOver({ workflowId, orderIds, why }) {
      await services.saga.batchHandOver({ workflowId, orderIds: [...orderIds], why });
    },

    async raiseIncident(incident) {
      await services.saga.raiseIncident({ ...incident, error: truncate(incident.error, 2_000) });
    },

    async clearIncident(incident) {
      await services.saga.clearIncident(incident);
    },
  });
}

/** Records the states that orders are moved to. */
function recording(move: Mover, states: Map<string, Order_State>): Mover {
  return async (workflowId, moves) => {
    const moved = await move(workflowId, moves);
    for (const [orderId, state] of moved) {
      states.set(orderId, state);
    }
    return moved;
  };
}

/** Says how an order ended that is gone. One that was not moved, or is not this workflow's, did not end here. */
function endOf(state: Order_State | undefined, rejected: End): End {
  switch (state) {
    case Order_State.COMPLETED:
      return "completed";
    case Order_State.REJECTED:
      return rejected;
    case Order_State.CANCELLED:
      return "cancelled";
    case Order_State.EXPIRED:
      return "expired";
    default:
      return "skipped";
  }
}

async function coded(outcomes: Promise<Outcome[]>): Promise<Codes> {
  return encodeOutcomes(await outcomes);
}
