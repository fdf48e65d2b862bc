import { randomUUID } from "node:crypto";
import type { Client, WorkflowHandleWithFirstExecutionRunId } from "@temporalio/client";
import { TestWorkflowEnvironment } from "@temporalio/testing";
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from "@temporalio/worker";
import { cacheDirectory } from "../../../scripts/stack/postgres-programs.ts";
import { spawnTemporal } from "../../../tests/support/temporal-server.ts";
import { plan } from "../sagas/plan.ts";
import type { BatchSteps, Carry, StepInput, Steps, SyntheticSteps } from "../sagas/steps.ts";
import { workflowCode } from "../worker/workflow-code.ts";

/** Keeps the output of Temporal's SDK to errors that no test expects. Call it before anything else of the SDK. */
export function silenceTemporal(): void {
  Runtime.install({
    logger: new DefaultLogger("ERROR", () => {}),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: "ERROR", other: "ERROR" }), forward: {} },
    },
  });
}

/** The workflows as a worker loads them. */
export async function bundleWorkflows(): Promise<WorkflowBundleWithSourceMap> {
  return await bundleWorkflowCode({ ...workflowCode, logger: new DefaultLogger("ERROR") });
}

type Activities = Steps & Carry & SyntheticSteps;

/** One call of an activity: its name and input. */
export type ActivityCall = readonly [name: string, input: unknown];

/** Temporal's dev server, in memory, and a worker whose activities are fakes. */
export type Temporal = AsyncDisposable & {
  readonly client: Client;
  /** The worker's. */
  readonly taskQueue: string;
  /**
   * Gives the worker these activities, for one test. An activity that the test does not give answers that all went
   * well. The tests of a file share the worker, since a new one takes about a second: each must end its workflows.
   */
  useActivities(given: Partial<Activities>): FakeActivities;
  start(workflow: string, input: object): Promise<WorkflowHandleWithFirstExecutionRunId>;
};

export type FakeActivities = {
  readonly calls: ActivityCall[];
  /** The names of the activities that were called, in order. */
  names(): string[];
  /** The inputs of the calls of an activity, in order. */
  inputs(activity: keyof Activities): unknown[];
};

/**
 * Starts Temporal's dev server and the worker, with the workflows as they are bundled for production. The server has the search
 * attribute of a shop, or not.
 */
export async function startTemporal(options?: { hasAttribute?: boolean }): Promise<Temporal> {
  silenceTemporal();
  const [server, workflowBundle] = await Promise.all([spawnTemporal(cacheDirectory(), options), bundleWorkflows()]);
  const env = await TestWorkflowEnvironment.createFromExistingServer({ address: server.address });
  let current: Activities = activitiesThatGoWell;
  let calls: ActivityCall[] = [];
  const taskQueue = randomUUID();
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue,
    workflowBundle,
    activities: Object.fromEntries(
      Object.keys(activitiesThatGoWell).map((name) => [
        name,
        async (input: never) => {
          calls.push([name, input]);
          return await (current[name as keyof Activities] as (input: never) => Promise<unknown>)(input);
        },
      ]),
    ),
  });
  const running = worker.run();
  return {
    client: env.client,
    taskQueue,
    useActivities(given) {
      current = { ...activitiesThatGoWell, ...given };
      const own: ActivityCall[] = [];
      calls = own;
      return {
        calls: own,
        names: () => own.map(([name]) => name),
        inputs: (activity) => own.filter(([name]) => name === activity).map(([, input]) => input),
      };
    },
    start: (workflow, input) =>
      env.client.workflow.start(workflow, { taskQueue, workflowId: randomUUID(), args: [input] }),
    async [Symbol.asyncDispose]() {
      worker.shutdown();
      await running;
      await env.teardown();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A step that answers this code for each order. */
export function codesFor(code: string) {
  return async ({ orderIds }: { orderIds: readonly string[] }) => code.repeat(orderIds.length);
}

/** A step after which each order is completed. */
export async function completes({ orderIds, tellEnds }: StepInput): Promise<string> {
  return (tellEnds === true ? "k" : "g").repeat(orderIds.length);
}

/** The steps of the plan: an order goes on to the next one, and after the last one nothing is left to do. */
export function stepsThatGoWell(): BatchSteps {
  const last = plan.at(-1)?.name;
  const steps = plan.map(({ name }) => [name, name === last ? completes : codesFor("n")]);
  return { ...Object.fromEntries(steps), undo: completes } as BatchSteps;
}

const activitiesThatGoWell: Activities = {
  carry: completes,
  ...stepsThatGoWell(),
  pay: async () => "n",
  giveUp: async () => "u",
  look: async () => ({ state: "COMPLETED", cancelRequested: false, paymentPending: false, expireTimeMs: 0 }),
  refund: async () => "settled",
  handOver: async () => {},
  raiseIncident: async () => {},
  clearIncident: async () => {},
  placeSynthetic: async () => {},
  judgeSynthetic: async () => [],
};
