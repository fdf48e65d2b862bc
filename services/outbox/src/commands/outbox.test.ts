import { type Client, createClient } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { silentLog } from "@sagacart/chassis/testing/log";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { outboxTables, trackedCommandIndexes } from "../testing/tables.ts";
import { finishCommands } from "./command-store.ts";
import { type CommandOutbox, createCommandOutbox } from "./outbox.ts";
import { recordCommands } from "./record.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let outbox: CommandOutbox;
let commands: Client<typeof CommandService>;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await testDatabase());
  const { pool, url } = database;
  await pool.query(`${outboxTables}${trackedCommandIndexes}`);
  outbox = stack.use(createCommandOutbox({ pool, url, log: silentLog, tracked: ["RUN"] }));
  commands = createClient(
    CommandService,
    inMemory((router) => router.service(CommandService, outbox.service), "test.sagacart"),
  );
});

afterAll(() => stack.disposeAsync());

beforeEach(async () => {
  await database.pool.query("truncate commands, command_batches");
});

const second = { seconds: 1n };

async function claim(options: { kinds?: string[]; maxCommands?: number; waitMs?: number } = {}) {
  const { kinds = ["RUN", "TELL"], maxCommands = 10, waitMs = 0 } = options;
  const wait = { nanos: waitMs * 1_000_000 };
  const { batchId, commands: members } = await commands.claimCommands({
    claimer: "test",
    kinds,
    maxCommands,
    wait,
    lease: second,
  });
  return { batchId, members: members.map(({ kind, orderId, deliveries }) => `${kind} ${orderId} ${deliveries}`) };
}

async function statesOf(): Promise<string[]> {
  const { rows } = await database.pool.query("select subject || ' ' || state as text from commands order by subject");
  return rows.map(({ text }) => text);
}

async function expireLeases(): Promise<void> {
  await database.pool.query("update command_batches set lease_expire_time = now() - interval '1 s'");
  // Expired leases are looked for four times a second.
  await new Promise((resolve) => setTimeout(resolve, 260));
}

test("commands are claimed once, the oldest first, by kind and number", async () => {
  await recordCommands(database.pool, [
    { kind: "RUN", subject: "a" },
    { kind: "OTHER", subject: "b" },
    { kind: "TELL", subject: "c", data: { state: "SENT" } },
    { kind: "RUN", subject: "d" },
    { kind: "RUN", subject: "e", started: true },
  ]);

  expect((await claim({ maxCommands: 2 })).members).toEqual(["RUN a 0", "TELL c 0"]);
  expect((await claim()).members).toEqual(["RUN d 0"]);
  expect(await claim()).toEqual({ batchId: "", members: [] });
});

test("a claim waits for a command, and a notification ends the wait", async () => {
  const waiting = claim({ waitMs: 900 });
  await recordCommands(database.pool, [{ kind: "RUN", subject: "a" }]);
  outbox.notify();

  expect((await waiting).members).toEqual(["RUN a 0"]);
});

test("a batch that is not confirmed in time is handed out again, with its id and its members", async () => {
  await recordCommands(database.pool, [
    { kind: "RUN", subject: "a" },
    { kind: "RUN", subject: "b" },
  ]);
  const first = await claim();
  await recordCommands(database.pool, [{ kind: "RUN", subject: "c" }]);
  await expireLeases();

  expect(await claim()).toEqual({ batchId: first.batchId, members: ["RUN a 1", "RUN b 1"] });
  expect((await claim()).members).toEqual(["RUN c 0"]);
});

test("a confirmed batch is not handed out again; what is not tracked is done", async () => {
  await recordCommands(database.pool, [
    { kind: "RUN", subject: "a" },
    { kind: "TELL", subject: "b" },
  ]);
  const { batchId } = await claim();

  await commands.confirmCommands({ batchId });
  await commands.confirmCommands({ batchId });
  await expireLeases();

  expect(await claim()).toEqual({ batchId: "", members: [] });
  expect(await statesOf()).toEqual(["a CLAIMED"]);
});

test("the rest of a partly confirmed batch is handed out again", async () => {
  await recordCommands(database.pool, [
    { kind: "RUN", subject: "a" },
    { kind: "RUN", subject: "b" },
  ]);
  const { batchId } = await claim();
  const { rows } = await database.pool.query("select id from commands where subject = 'a'");

  await commands.confirmCommands({ batchId, commandIds: [rows[0].id, "no-uuid"] });
  await expireLeases();

  expect(await claim()).toEqual({ batchId, members: ["RUN b 1"] });
  expect(await statesOf()).toEqual(["a STARTED", "b CLAIMED"]);
});

test.each(["019a0000-0000-7000-8000-000000000000", "no-uuid"])("there is no batch %s", async (batchId) => {
  const error = await commands.confirmCommands({ batchId }).catch(errorInfo);

  expect(error).toMatchObject({ reason: "BATCH_NOT_FOUND", metadata: { batch_id: batchId } });
});

test("finished commands are gone, of the named subjects and kinds only", async () => {
  await recordCommands(database.pool, [
    { kind: "RUN", subject: "a", started: true },
    { kind: "TELL", subject: "a" },
    { kind: "RUN", subject: "b", started: true },
  ]);

  await finishCommands(database.pool, ["a"], ["RUN"]);

  expect(await statesOf()).toEqual(["a OPEN", "b STARTED"]);
});

test("without stalled commands, none is listed and none restarted", async () => {
  expect((await commands.listStalledCommands({ stalledFor: second })).commands).toEqual([]);
  expect((await commands.restartCommands({ items: [{ commandId: "a", ownerWorkflowId: "w" }] })).commandIds).toEqual(
    [],
  );
});
