import { createLog } from "@sagacart/chassis/process/log";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { silentLog } from "@sagacart/chassis/testing/log";
import { Refund_State } from "@sagacart/proto/payment/v1/payment";
import { WorkflowNotFoundError, WorkflowUpdateRPCTimeoutOrCancelledError } from "@temporalio/client";
import { afterEach, expect, test, vi } from "vitest";
import { type Fakes, fakeCommands, fakeServices, rpcsIn } from "../testing/fake-services.ts";
import { claimFrom, fakeTemporal } from "../testing/fake-temporal.ts";
import { createMeters } from "./meters.ts";
import { createOrderSearch } from "./order-search.ts";
import { unversioned } from "./routing.ts";
import { dispatchSingles } from "./singles.ts";

let dispatch: AsyncDisposable | undefined;
afterEach(async () => await dispatch?.[Symbol.asyncDispose]());

type TestCommand = {
  readonly id?: string;
  readonly kind: string;
  readonly orderId?: string;
  readonly data?: string;
  readonly deliveries?: number;
};

/** Dispatches one claim of these commands. */
function dispatchCommands(
  given: readonly TestCommand[],
  temporal = fakeTemporal(),
  fakes: Fakes = {},
  log = silentLog,
) {
  const { services, calls: serviceCalls } = fakeServices(fakes);
  const confirmed = vi.fn();
  const members = given.map((command, index) => ({ id: `${index}`, orderId: "o", ...command }));
  const claims = [{ batchId: "b", commands: members }, { batchId: "end" }];
  const { commands, calls } = fakeCommands({
    claimCommands: claimFrom(claims),
    confirmCommands: ({ commandIds }) => {
      confirmed(commandIds);
      return {};
    },
  });
  const metrics = createMetrics("worker");
  dispatch = dispatchSingles({
    temporal: temporal.client,
    services,
    routing: unversioned,
    commands,
    kinds: ["PAY", "CANCEL"],
    name: "dispatch-test",
    search: createOrderSearch(log),
    log,
    meters: createMeters(metrics, 4),
    claimer: "me",
    leaseMs: 10_000,
    workflowTaskTimeoutMs: 5_000,
  });
  /** Resolves when the claim has been dealt with. */
  const done = () => vi.waitFor(() => expect(claims).toEqual([]));
  return { temporal, confirmed, calls, serviceCalls, metrics, done };
}

test("RETRY of a refused recall asks the carrier again", async () => {
  const data = JSON.stringify({ workflowId: "order-o", step: "recall" });
  const fakes = { shipping: { retryRecall: () => ({}) } };
  const { temporal, confirmed, serviceCalls } = dispatchCommands([{ kind: "RETRY", data }], fakeTemporal(), fakes);
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledExactlyOnceWith(["0"]));
  expect(serviceCalls).toEqual([["shipping.retryRecall", { orderId: "o" }]]);
  expect(temporal.signal).not.toHaveBeenCalled();
});

test.each([
  ["raises", ["on_its_way"], "saga.raiseIncident"],
  ["resolves", [""], "saga.clearIncident"],
  ["resolves again, if it has ended in the meantime,", ["on_its_way", ""], "saga.clearIncident"],
])("RECALL_CHANGED %s the incident of a refused recall", async (_, refusals, last) => {
  const left = [...refusals];
  const { confirmed, serviceCalls } = dispatchCommands([{ kind: "RECALL_CHANGED" }], fakeTemporal(), {
    shipping: {
      getShipment: () => ({ shipment: { recallRefusal: left.length > 1 ? left.shift()! : (left[0] ?? "") } }),
    },
    saga: { raiseIncident: () => ({}), clearIncident: () => ({}) },
  });
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledExactlyOnceWith(["0"]));
  expect(
    rpcsIn(serviceCalls)
      .filter((rpc) => rpc.startsWith("saga."))
      .at(-1),
  ).toBe(last);
});

/** A refund that the card provider refuses for good. */
function refused(id: string) {
  const amount = { currencyCode: "USD", minorUnits: 60n };
  return { id, paymentId: "p", amount, state: Refund_State.REFUSED, failureReason: "charge_disputed", refusals: 2 };
}

/** One that it refused, and is asked for again. */
function retried(id: string) {
  return { ...refused(id), state: Refund_State.PENDING, failureReason: "" };
}

function succeeded(id: string) {
  return { ...refused(id), state: Refund_State.SUCCEEDED, failureReason: "" };
}

const startOptions = {
  taskQueue: "checkout",
  typedSearchAttributes: [{ key: { name: "SagacartOrderId", type: "KEYWORD_LIST" }, value: ["o"] }],
  workflowTaskTimeout: 5_000,
  workflowIdReusePolicy: "ALLOW_DUPLICATE",
  workflowIdConflictPolicy: "USE_EXISTING",
};

test("commands of the given kinds are claimed", async () => {
  const { calls, done } = dispatchCommands([]);
  await done();
  expect(calls[0]).toEqual([
    "claimCommands",
    { claimer: "me", kinds: ["PAY", "CANCEL"], maxCommands: 50, wait: "20s", lease: "10s" },
  ]);
});

test("RESUME starts the order's workflow", async () => {
  const { temporal, confirmed } = dispatchCommands([{ kind: "RESUME" }]);
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledExactlyOnceWith(["0"]));
  expect(temporal.start).toHaveBeenCalledExactlyOnceWith("order", {
    ...startOptions,
    workflowId: "order-o",
    args: [{ orderId: "o" }],
  });
});

test.each([
  ["PAY", "pay"],
  ["CANCEL", "cancel"],
])("%s updates the order's workflow, and starts it if there is none", async (kind, update) => {
  const { temporal, confirmed } = dispatchCommands([{ id: "command", kind }]);
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledExactlyOnceWith(["command"]));
  const [definition, options] = temporal.startUpdateWithStart.mock.calls[0] ?? [];
  expect(definition?.name).toBe(update);
  expect(options).toMatchObject({
    // A command that is delivered twice is the same update.
    updateId: "command",
    waitForStage: "ACCEPTED",
    startWorkflowOperation: {
      workflowTypeOrFunc: "order",
      options: { ...startOptions, workflowId: "order-o", args: [{ orderId: "o" }] },
    },
  });
});

test("REFUND starts the refund's workflow", async () => {
  const data = JSON.stringify({ refundId: "r", paymentRefundId: "pr" });
  const { temporal, confirmed } = dispatchCommands([{ kind: "REFUND", data }]);
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalled());
  expect(temporal.start).toHaveBeenCalledExactlyOnceWith("refund", {
    ...startOptions,
    workflowId: "refund-pr",
    args: [{ orderId: "o", refundId: "r", paymentRefundId: "pr" }],
  });
});

test.each([
  ["RETRY", { workflowId: "checkout-9" }, "checkout-9", "retry"],
  ["REFUND_SETTLED", { refundId: "pr" }, "refund-pr", "settled"],
  ["PAYMENT_SETTLED", {}, "order-o", "settled"],
  ["SHIPMENT_SETTLED", {}, "order-o", "settled"],
])("%s signals the workflow that waits", async (kind, data, workflowId, signal) => {
  const { temporal, confirmed } = dispatchCommands([{ kind, data: JSON.stringify(data) }]);
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalled());
  expect(temporal.signal).toHaveBeenCalledExactlyOnceWith(workflowId, signal);
});

test("RETRY of a refused refund asks the card provider again, also where no workflow is left", async () => {
  const data = JSON.stringify({ workflowId: "order-o", step: "pay_back" });
  const { temporal, confirmed, serviceCalls } = dispatchCommands([{ kind: "RETRY", data }], fakeTemporal(), {
    payment: { listRefunds: () => ({ refunds: [refused("r"), { id: "other" }] }), retryRefund: () => ({}) },
  });
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledExactlyOnceWith(["0"]));
  expect(serviceCalls).toEqual([
    ["payment.listRefunds", { orderId: "o", pageSize: 200 }],
    ["payment.retryRefund", { id: "r" }],
  ]);
  expect(temporal.signal).not.toHaveBeenCalled();
});

test("PAY_BACK_CHANGED raises an incident that says what is refused, and how to settle it", async () => {
  const { confirmed, serviceCalls } = dispatchCommands([{ kind: "PAY_BACK_CHANGED" }], fakeTemporal(), {
    payment: { listRefunds: () => ({ refunds: [refused("r")] }) },
    saga: { raiseIncident: () => ({}) },
  });
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledExactlyOnceWith(["0"]));
  expect(rpcsIn(serviceCalls)).toEqual(["payment.listRefunds", "saga.raiseIncident", "payment.listRefunds"]);
  expect(serviceCalls[1]?.[1]).toEqual({
    orderId: "o",
    step: "pay_back",
    workflowId: "order-o",
    error:
      "The card provider refuses for good to pay back 60 minor units (USD) of payment p: charge_disputed. Retry, or pay the customer another way and settle refund r by hand (POST /v1/refunds/r:settle).",
    attempts: 2,
  });
});

test.each([
  ["nothing is refused any more", [[]], ["payment.listRefunds", "saga.clearIncident"]],
  ["the retried one is paid back", [[succeeded("r")]], ["payment.listRefunds", "saga.clearIncident"]],
  [
    "what is pending was never refused",
    [[{ id: "n", state: Refund_State.PENDING, refusals: 0 }]],
    ["payment.listRefunds", "saga.clearIncident"],
  ],
  [
    "it was settled while its incident was raised",
    [[refused("r")], []],
    ["payment.listRefunds", "saga.raiseIncident", "payment.listRefunds", "saga.clearIncident"],
  ],
])("PAY_BACK_CHANGED resolves the incident when %s", async (_, lists, rpcs) => {
  const left = [...lists];
  const { confirmed, serviceCalls } = dispatchCommands([{ kind: "PAY_BACK_CHANGED" }], fakeTemporal(), {
    payment: { listRefunds: () => ({ refunds: left.shift() ?? [] }) },
    saga: { raiseIncident: () => ({}), clearIncident: () => ({}) },
  });
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledExactlyOnceWith(["0"]));
  expect(rpcsIn(serviceCalls)).toEqual(rpcs);
  expect(serviceCalls.at(-1)?.[1]).toEqual({
    orderId: "o",
    step: "pay_back",
    resolution: "the customer was paid back",
  });
});

test.each([
  ["the retried one is pending", [[retried("r")]], ["payment.listRefunds"]],
  ["one of two is paid back, and the other one pending", [[succeeded("s"), retried("r")]], ["payment.listRefunds"]],
  [
    "it was retried while its incident was raised",
    [[refused("r")], [retried("r")]],
    ["payment.listRefunds", "saga.raiseIncident", "payment.listRefunds"],
  ],
])("PAY_BACK_CHANGED leaves the incident open while %s", async (_, lists, rpcs) => {
  const left = [...lists];
  const { confirmed, serviceCalls } = dispatchCommands([{ kind: "PAY_BACK_CHANGED" }], fakeTemporal(), {
    payment: { listRefunds: () => ({ refunds: left.shift() ?? [] }) },
    saga: { raiseIncident: () => ({}), clearIncident: () => ({}) },
  });
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledExactlyOnceWith(["0"]));
  expect(rpcsIn(serviceCalls)).toEqual(rpcs);
});

test("a signal for a workflow that does not exist counts as delivered", async () => {
  const temporal = fakeTemporal();
  temporal.signal.mockRejectedValue(new WorkflowNotFoundError("not found", "order-o", undefined));
  const { confirmed } = dispatchCommands([{ kind: "PAYMENT_SETTLED" }], temporal);
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledExactlyOnceWith(["0"]));
});

test("a command that cannot be delivered is not confirmed, and does not hold up the others", async () => {
  const temporal = fakeTemporal();
  temporal.signal.mockRejectedValueOnce(new Error("Temporal is down"));
  const { confirmed, metrics } = dispatchCommands(
    [
      { kind: "PAYMENT_SETTLED", orderId: "a" },
      { kind: "RESUME", orderId: "b" },
    ],
    temporal,
  );
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledExactlyOnceWith(["1"]));
  const counted = await metrics.getSingleMetricAsString("sagacart_commands_brought_total");
  expect(counted).toMatch(/\{kind="PAYMENT_SETTLED",outcome="failed"[^}]*\} 1$/m);
  expect(counted).toMatch(/\{kind="RESUME",outcome="done"[^}]*\} 1$/m);
});

test.each<[string, TestCommand]>([
  ["an unknown kind", { kind: "FLY" }],
  ["data without the field", { kind: "RETRY", data: "{}" }],
  ["data that is not an object", { kind: "RETRY", data: "null" }],
  ["data that is not JSON", { kind: "REFUND", data: "" }],
])("a command with %s is not confirmed", async (_, command) => {
  const { confirmed, done, temporal } = dispatchCommands([command]);
  await done();
  expect(confirmed).not.toHaveBeenCalled();
  expect(temporal.start).not.toHaveBeenCalled();
});

const busy = new WorkflowUpdateRPCTimeoutOrCancelledError("x");
const away = Object.assign(new Error("x"), { cause: Object.assign(new Error("x"), { code: 14, details: "x" }) });

test.each<[what: string, error: Error, deliveries: number, level: string]>([
  ["a workflow that is busy while a provider is slow", busy, 0, "info"],
  ["a workflow that has been busy for a while", busy, 11, "info"],
  ["a workflow that stays busy", busy, 12, "error"],
  ["Temporal, which is away", away, 3, "info"],
  ["Temporal, which stays away", away, 30, "error"],
  ["a bug", new TypeError("x"), 0, "error"],
])("a command that cannot be delivered because of %s", async (_what, error, deliveries, level) => {
  const lines: { level: string; msg: string; deliveries: number }[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
  const temporal = fakeTemporal();
  temporal.startUpdateWithStart.mockRejectedValue(error);

  const { done } = dispatchCommands(
    [{ kind: "CANCEL", deliveries }],
    temporal,
    {},
    createLog({ service: "t", level: "info", destination }),
  );
  await done();

  const [line] = lines.filter(({ msg }) => msg.startsWith("a command"));
  expect([line?.level, line?.deliveries]).toEqual([level, deliveries]);
});
