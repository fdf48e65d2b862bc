import type { Services } from "@sagacart/workflows/clients";
import { activityInfo } from "@temporalio/activity";
import { createSteps, type OrderToCarry, type StepOutcome } from "../steps.ts";

/** The usual saga's activities: one for each step and one for each undo. */
export type UsualActivities = {
  reserve(order: OrderToCarry): Promise<StepOutcome>;
  charge(order: OrderToCarry): Promise<StepOutcome>;
  ship(order: OrderToCarry): Promise<string>;
  complete(input: { orderId: string; trackingNumber: string }): Promise<void>;
  voidCharge(orderId: string): Promise<void>;
  release(orderId: string): Promise<void>;
};

/** Creates the activities with these services. The workflow that runs them owns its order. */
export function createUsualActivities(services: Services): UsualActivities {
  const steps = createSteps(services);
  const owner = () => activityInfo().workflowExecution?.workflowId ?? "";
  return {
    reserve: (order) => steps.reserve(owner(), order),
    charge: (order) => steps.charge(owner(), order),
    ship: (order) => steps.ship(order),
    complete: ({ orderId, trackingNumber }) => steps.complete(owner(), orderId, trackingNumber),
    voidCharge: (orderId) => steps.void(orderId),
    release: (orderId) => steps.release(owner(), orderId),
  };
}
