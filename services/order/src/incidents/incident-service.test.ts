import { randomUUID } from "node:crypto";
import { toJson } from "@bufbuild/protobuf";
import { type Client, Code, createClient } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { type Incident, Incident_State, IncidentSchema } from "@sagacart/proto/order/v1/incident";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { failureOf, holdTransaction, untilWaiting, violationsOf } from "../testing/test-carts.ts";
import type { FailedAttempt } from "./incident.ts";
import { createIncidentService } from "./incident-service.ts";
import { clearIncident, raiseIncident } from "./incident-store.ts";

const worker = { kind: "SYSTEM", id: "service:worker" } as const;

let database: TestDatabase;
let incidents: Client<typeof IncidentService>;
let commandCount = 0;

beforeAll(async () => {
  database = await testDatabase(new URL("../../migrations/", import.meta.url));
  const service = createIncidentService({ pool: database.pool, commandsRecorded: () => commandCount++ });
  incidents = createClient(
    IncidentService,
    inMemory((router) => router.service(IncidentService, service), "order.sagacart"),
  );
});
afterAll(() => database[Symbol.asyncDispose]());

beforeEach(async () => {
  commandCount = 0;
  await database.owner.query("truncate orders, incidents, commands cascade");
});

async function newOrder(): Promise<string> {
  const id = randomUUID();
  await database.pool.query(
    `insert into orders (id, customer_id, fingerprint, state, sequence, currency, total_minor, payment_method, pay_later)
     values ($1, 'ann', '', 'PENDING', 1, 'EUR', 100, '', false)`,
    [id],
  );
  return id;
}

async function raise(failed: Partial<FailedAttempt> = {}): Promise<string> {
  return raiseIncident(database.pool, {
    orderId: failed.orderId ?? (await newOrder()),
    step: "charge",
    workflowId: "checkout-1",
    error: "the provider is away",
    attempts: 3,
    ...failed,
  });
}

function json(incident: Incident | undefined) {
  return incident && toJson(IncidentSchema, incident);
}

test("an incident has the step, the number of attempts and the last error", async () => {
  const orderId = await newOrder();
  const id = await raise({ orderId, error: "Karte abgelehnt – 拒否" });
  const { incident } = await incidents.getIncident({ id });
  expect(json(incident)).toEqual({
    id,
    orderId,
    step: "charge",
    workflowId: "checkout-1",
    error: "Karte abgelehnt – 拒否",
    attempts: 3,
    state: "STATE_OPEN",
    createTime: expect.any(String),
    updateTime: expect.any(String),
  });
});

test("another failed attempt updates the open incident", async () => {
  const orderId = await newOrder();
  const id = await raise({ orderId });
  const again = await raise({ orderId, workflowId: "checkout-2", error: "still away", attempts: 7 });
  expect(again).toBe(id);
  expect((await incidents.getIncident({ id })).incident).toMatchObject({
    workflowId: "checkout-2",
    error: "still away",
    attempts: 7,
  });
  expect((await incidents.listIncidents({})).incidents).toHaveLength(1);
});

test("a workflow that counts from 1 again does not lower the number of attempts", async () => {
  const orderId = await newOrder();
  const id = await raise({ orderId, attempts: 7 });
  await raise({ orderId, attempts: 1 });
  expect((await incidents.getIncident({ id })).incident?.attempts).toBe(7);
});

test("each step of each order has its own incident", async () => {
  const orderId = await newOrder();
  const ids = [await raise({ orderId }), await raise({ orderId, step: "ship" }), await raise()];
  expect(new Set(ids).size).toBe(3);
});

test("raising the same incident twice at once raises one", async () => {
  const orderId = await newOrder();
  const failed = { orderId, step: "charge", workflowId: "checkout-1", error: "away", attempts: 1 };
  let first = "";
  const holder = await holdTransaction(database.pool, async (tx) => {
    first = await raiseIncident(tx, failed);
  });
  const second = raise({ ...failed, attempts: 2 });
  await untilWaiting(database.pool, 1);
  await holder.end("commit");
  expect(await second).toBe(first);
});

test("an error that contains NUL raises an incident", async () => {
  const id = await raise({ error: "bad \0 byte" });
  expect((await incidents.getIncident({ id })).incident?.error).toBe("bad \uFFFD byte");
});

test("an incident of an unknown order is refused", async () => {
  const failure = await raise({ orderId: "unheard-of" }).catch(errorInfo);
  expect(failure).toMatchObject({
    code: Code.NotFound,
    reason: "ORDER_NOT_FOUND",
    metadata: { order_id: "unheard-of" },
  });
});

test("a step that succeeds resolves its own incident only", async () => {
  const orderId = await newOrder();
  const charge = await raise({ orderId });
  const ship = await raise({ orderId, step: "ship" });
  await clearIncident(database.pool, { orderId, step: "charge" }, worker);
  await clearIncident(database.pool, { orderId, step: "charge" }, worker);
  expect((await incidents.getIncident({ id: charge })).incident).toMatchObject({
    state: Incident_State.RESOLVED,
    resolution: "the step succeeded",
  });
  expect((await incidents.getIncident({ id: ship })).incident?.state).toBe(Incident_State.OPEN);
});

test("clearing without an incident does nothing", async () => {
  await clearIncident(database.pool, { orderId: await newOrder(), step: "charge" }, worker);
  expect((await incidents.listIncidents({})).incidents).toEqual([]);
});

test("a step that fails again after its incident was resolved raises a new one", async () => {
  const orderId = await newOrder();
  const first = await raise({ orderId });
  await incidents.resolveIncident({ id: first, resolution: "provider called" });
  const second = await raise({ orderId });
  expect(second).not.toBe(first);
  expect((await incidents.getIncident({ id: first })).incident?.state).toBe(Incident_State.RESOLVED);
});

test("a requested retry and the command that wakes the workflow are recorded in one transaction", async () => {
  const orderId = await newOrder();
  const id = await raise({ orderId });
  const { incident } = await incidents.retryIncident({ id });
  expect(incident?.retryRequestTime).toEqual(incident?.updateTime);
  const { rows } = await database.pool.query(
    "select c.kind, c.subject as order_id, c.data, c.state, c.create_time = i.retry_request_time as at_once from commands c, incidents i",
  );
  expect(rows).toEqual([
    {
      kind: "RETRY",
      order_id: orderId,
      data: { workflowId: "checkout-1", step: "charge" },
      state: "OPEN",
      at_once: true,
    },
  ]);
  expect(commandCount).toBe(1);
});

test("a retry wakes the workflow that ran the step last", async () => {
  const orderId = await newOrder();
  const id = await raise({ orderId });
  await raise({ orderId, workflowId: `order-${orderId}` });
  await incidents.retryIncident({ id });
  const { rows } = await database.pool.query("select data->>'workflowId' as workflow_id from commands");
  expect(rows).toEqual([{ workflow_id: `order-${orderId}` }]);
});

test("a resolved incident cannot be retried", async () => {
  const orderId = await newOrder();
  const id = await raise({ orderId });
  await incidents.resolveIncident({ id, resolution: "refunded by hand" });
  expect(await failureOf(incidents.retryIncident({ id }))).toEqual({
    code: Code.FailedPrecondition,
    reason: "INCIDENT_RESOLVED",
    metadata: { incident_id: id, order_id: orderId },
  });
  expect((await database.pool.query("select from commands")).rowCount).toBe(0);
  expect(commandCount).toBe(0);
});

test("an incident that is resolved at the same time as a retry is not retried", async () => {
  const id = await raise();
  const holder = await holdTransaction(database.pool, (tx) =>
    tx.query("update incidents set state = 'RESOLVED' where id = $1", [id]),
  );
  const retry = failureOf(incidents.retryIncident({ id }));
  await untilWaiting(database.pool, 1);
  await holder.end("commit");
  expect(await retry).toMatchObject({ reason: "INCIDENT_RESOLVED" });
});

test("resolving records how, and a repeat changes nothing", async () => {
  const id = await raise();
  const first = await incidents.resolveIncident({ id, resolution: "von Ann erledigt ✔" });
  expect(first.incident).toMatchObject({ state: Incident_State.RESOLVED, resolution: "von Ann erledigt ✔" });
  expect(await incidents.resolveIncident({ id, resolution: "something else" })).toEqual(first);
  expect((await incidents.getIncident({ id })).incident).toEqual(first.incident);
});

test.each(["unheard-of", randomUUID()])("the incident %s is not found", async (id) => {
  const expected = { code: Code.NotFound, reason: "INCIDENT_NOT_FOUND", metadata: { incident_id: id } };
  expect(await failureOf(incidents.getIncident({ id }))).toEqual(expected);
  expect(await failureOf(incidents.retryIncident({ id }))).toEqual(expected);
  expect(await failureOf(incidents.resolveIncident({ id, resolution: "done" }))).toEqual(expected);
});

test("a list is filtered by state and by order, newest first", async () => {
  const orderId = await newOrder();
  const resolved = await raise({ orderId });
  await incidents.resolveIncident({ id: resolved, resolution: "done" });
  const open = await raise({ orderId, step: "ship" });
  const other = await raise();
  const ids = async (filter: { state?: Incident_State; orderId?: string }) =>
    (await incidents.listIncidents(filter)).incidents.map(({ id }) => id);
  expect(await ids({})).toEqual([other, open, resolved]);
  expect(await ids({ state: Incident_State.OPEN })).toEqual([other, open]);
  expect(await ids({ state: Incident_State.RESOLVED })).toEqual([resolved]);
  expect(await ids({ orderId })).toEqual([open, resolved]);
  expect(await ids({ orderId, state: Incident_State.OPEN })).toEqual([open]);
});

test("pages have each incident once, even if many were raised at the same moment", async () => {
  const orderId = await newOrder();
  const ids: string[] = [];
  const raiser = await holdTransaction(database.pool, async (tx) => {
    for (let index = 0; index < 7; index++) {
      const failed = { orderId, step: `step-${index}`, workflowId: "w", error: "", attempts: 1 };
      ids.push(await raiseIncident(tx, failed));
    }
  });
  await raiser.end("commit");
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await incidents.listIncidents({ pageSize: 3, pageToken });
    seen.push(...page.incidents.map(({ id }) => id));
    ({ nextPageToken: pageToken } = page);
  } while (pageToken !== "");
  expect(seen).toEqual(ids.toReversed());
});

test("a page token is valid only for its own list", async () => {
  await raise();
  await raise();
  const { nextPageToken: pageToken } = await incidents.listIncidents({ pageSize: 1 });
  const bad = { code: Code.InvalidArgument, reason: "BAD_PAGE_TOKEN", metadata: {} };
  const wrongs = [{ state: Incident_State.OPEN }, { orderId: "other" }, { pageToken: "made up" }];
  for (const wrong of wrongs) {
    expect(await failureOf(incidents.listIncidents({ pageToken, ...wrong }))).toEqual(bad);
  }
});

test("a resolution must not be empty or contain NUL", async () => {
  const id = await raise();
  for (const resolution of ["", "\0", "x".repeat(1_001)]) {
    expect(await violationsOf(incidents.resolveIncident({ id, resolution }))).toEqual(["resolution"]);
  }
});
