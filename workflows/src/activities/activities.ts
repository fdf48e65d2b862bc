import { truncate } from "@sagacart/chassis/truncate";
import type { Services } from "../clients.ts";
import { type Codes, type End, encodeOutcomes } from "../sagas/codes.ts";
import { type Outcome, type PlanRow, plan } from "../sagas/plan.ts";
import type { StepInput, Steps } from "../sagas/steps.ts";
import { charge, voidPayments } from "./charge.ts";
import { recordEnds } from "./ends.ts";
import { withFailures } from "./failures.ts";
import { giveUp } from "./give-up.ts";
import { look } from "./look.ts";
import { createMover, type StepContext } from "./move.ts";
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
    if (input.tellEnds !== true) {
      return encodeOutcomes(await run(context, input));
    }
    const ends = recordEnds(context, rejected);
    const outcomes = await run(ends.context, input);
    return encodeOutcomes(outcomes, (index) => ends.of(input.orderIds[index] ?? ""));
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

async function coded(outcomes: Promise<Outcome[]>): Promise<Codes> {
  return encodeOutcomes(await outcomes);
}
