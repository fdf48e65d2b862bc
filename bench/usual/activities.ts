import type { Services } from "@sagacart/workflows/clients";
import { activityInfo } from "@temporalio/activity";
import { createSteps, type OrderToCarry, type StepOutcome } from "../steps.ts";

/** The usual saga's activities: one for each step, and one to undo it. */
export type UsualActivities = {
  reserve(order: OrderToCarry): Promise<StepOutcome>;
  charge(order: OrderToCarry): Promise<StepOutcome>;
  ship(order: OrderToCarry): Promise<string>;
  complete(input: { orderId: string; trackingNumber: string }): Promise<void>;
  voidCharge(orderId: string): Promise<void>;
  release(orderId: string): Promise<void>;
};

/** The activities over these services. The workflow that runs them is the carrier of its order. */
export function createUsualActivities(services: Services): UsualActivities {
  const steps = createSteps(services);
  const carrier = () => activityInfo().workflowExecution?.workflowId ?? "";
  return {
    reserve: (order) => steps.reserve(carrier(), order),
    charge: (order) => steps.charge(carrier(), order),
    ship: (order) => steps.ship(order),
    complete: ({ orderId, trackingNumber }) => steps.complete(carrier(), orderId, trackingNumber),
    voidCharge: (orderId) => steps.void(orderId),
    release: (orderId) => steps.release(carrier(), orderId),
  };
}
