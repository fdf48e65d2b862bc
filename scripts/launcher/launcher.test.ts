import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { errorInfo } from "@sagacart/chassis/errors";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { LauncherService, type StartLoadRequestSchema } from "@sagacart/proto/launcher/v1/launcher_service";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createGuard } from "../stack/guard.ts";
import { createProcesses, type Processes, type UnexpectedExit } from "../stack/processes.ts";
import { isRunning } from "../stack/testing.ts";
import { type Launcher, startLauncher } from "./launcher.ts";
import { startRun } from "./runs.ts";

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer[Symbol.asyncDispose]());

let folder: string;
let processes: Processes;
let launcher: Launcher;
let exits: UnexpectedExit[];
let started: string[][];
const guard = createGuard();
const ends = new Map<string, number>();
afterAll(() => guard.dispose());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sagacart-launcher-"));
  exits = [];
  started = [];
  ends.clear();
  processes = createProcesses({
    logDirectory: folder,
    guard,
    onUnexpectedExit(exit) {
      exits.push(exit);
      ends.set(exit.name, (ends.get(exit.name) ?? 0) + 1);
    },
  });
  // Runs until it is asked to end, and says so.
  await writeFile(
    join(folder, "program.mjs"),
    `process.on("SIGTERM", () => { console.log("asked to end"); process.exit(3); });
     console.log("begun", ...process.argv.slice(2)); setInterval(() => {}, 60_000);`,
  );
  launcher = await startTestLauncher();
});

async function startTestLauncher(env: NodeJS.ProcessEnv = {}): Promise<Launcher> {
  const program = (args: string[]) => {
    started.push(args);
    return startRun({ script: join(folder, "program.mjs"), args, env: {}, guard });
  };
  return await startLauncher({
    children: {
      names: ["worker", "order"],
      pid: processes.pid,
      crash: processes.crash,
      unexpectedEnds: (name) => ends.get(name) ?? 0,
    },
    startLoad: ({ checkoutsPerSecond, seconds }) => program(["load", String(checkoutsPerSecond), String(seconds)]),
    startAudit: () => program(["audit"]),
    securityLog: join(folder, "security.log"),
    logFile: join(folder, "launcher.log"),
    env: { AUTH_ISSUER: issuer.issuer, AUTH_JWKS_URL: issuer.jwksUrl.href, ...env },
  });
}

afterEach(async () => {
  await launcher[Symbol.asyncDispose]();
  await processes.close();
  await rm(folder, { recursive: true });
});

async function as(
  subject: string,
  roles: Parameters<TestIssuer["bearer"]>[1],
): Promise<Client<typeof LauncherService>> {
  return withToken(await issuer.bearer(subject, roles));
}

function withToken(authorization: string | undefined): Client<typeof LauncherService> {
  const transport = createGrpcTransport({
    baseUrl: `http://${launcher.address}`,
    interceptors: [
      (next) => (request) => {
        if (authorization !== undefined) request.header.set("authorization", authorization);
        return next(request);
      },
    ],
  });
  return createClient(LauncherService, transport);
}

const operator = () => as("olga", ["operator"]);
const load = (checkoutsPerSecond: number, ms: number) => ({ checkoutsPerSecond, duration: durationFromMs(ms) });

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "OK",
    (error: unknown) => errorInfo(error).reason,
  );
}

async function startOrder(): Promise<number> {
  await processes.start({
    name: "order",
    command: "/bin/sh",
    args: ["-c", "exec sleep 1000"],
    env: process.env,
    waitsFor: async () => undefined,
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 60_000,
  });
  return processes.pid("order")!;
}

test.each([
  ["nobody", async () => withToken(undefined), "TOKEN_MISSING"],
  ["a forger", async () => withToken(await issuer.bearer("olga", ["operator"], { forged: true })), "TOKEN_INVALID"],
  ["a customer", () => as("ada", ["customer"]), "ROLE_REQUIRED"],
  ["support", () => as("sam", ["support"]), "ROLE_REQUIRED"],
  ["a program", () => as("service:worker", ["service"]), "SERVICE_NOT_ALLOWED"],
])("%s can do nothing", async (_, client, reason) => {
  const pid = await startOrder();
  const calls = await client();
  expect(await reasonOf(calls.getLauncher({}))).toBe(reason);
  expect(await reasonOf(calls.killProcess({ name: "order" }))).toBe(reason);
  expect(await reasonOf(calls.startLoad(load(1, 1_000)))).toBe(reason);
  expect(await reasonOf(calls.stopLoad({}))).toBe(reason);
  expect(await reasonOf(calls.runAudit({}))).toBe(reason);
  expect(await reasonOf(calls.listSecurityEvents({}))).toBe(reason);
  expect(isRunning(pid)).toBe(true);
  expect(started).toEqual([]);
});

test("it is ready when it knows which tokens are revoked, though identity starts after it", async () => {
  const identity = createServer((_request, response) => {
    response.end(JSON.stringify({ cursor: "1", sessions: [], users: [] }));
  });
  const listen = (port: number) => new Promise<void>((resolve) => identity.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = identity.address() as AddressInfo;
  await new Promise((resolve) => identity.close(resolve));
  await launcher[Symbol.asyncDispose]();
  launcher = await startTestLauncher({ AUTH_REVOCATIONS_URL: `http://127.0.0.1:${port}/revocations` });
  expect(await reasonOf((await operator()).getLauncher({}))).toBe("ISSUER_UNAVAILABLE");
  expect(await readFile(join(folder, "launcher.log"), "utf8")).toContain("ECONNREFUSED");

  await listen(port);
  await launcher.ready();

  expect(await reasonOf((await operator()).getLauncher({}))).toBe("OK");
  identity.closeAllConnections();
  identity.close();
});

test("a browser, which speaks HTTP/1.1 to cleartext ports, gets no answer", async () => {
  const request = get(`http://${launcher.address}/sagacart.launcher.v1.LauncherService/GetLauncher`);
  const answered = await new Promise((resolve) => {
    request.once("response", ({ statusCode }) => resolve(statusCode));
    request.once("error", () => resolve("no answer of HTTP/1.1"));
  });
  expect(answered).toBe("no answer of HTTP/1.1");
});

test("a process is killed as if somebody else did, and only one that the launcher started", async () => {
  const client = await operator();
  expect(await reasonOf(client.killProcess({ name: "order" }))).toBe("PROCESS_NOT_RUNNING");
  const pid = await startOrder();
  expect((await client.getLauncher({})).processes).toMatchObject([
    { name: "worker", running: false, pid: 0, unexpectedEnds: 0 },
    { name: "order", running: true, pid, unexpectedEnds: 0 },
  ]);

  await client.killProcess({ name: "order" });

  await expect.poll(() => exits.map(({ name, how }) => [name, how])).toEqual([["order", "signal SIGKILL"]]);
  expect((await client.getLauncher({})).processes[1]).toMatchObject({ running: false, pid: 0, unexpectedEnds: 1 });
  expect(await reasonOf(client.killProcess({ name: "order" }))).toBe("PROCESS_NOT_RUNNING");
  for (const name of ["postgres", "temporal", "launcher", "sh"]) {
    expect(await reasonOf(client.killProcess({ name })), name).toBe("PROCESS_NOT_FOUND");
  }
  for (const name of ["", "1", "-1", "../order", "order;ls", "Order"]) {
    expect(await reasonOf(client.killProcess({ name })), name).toBe("INVALID_ARGUMENT");
  }
});

test.each<[name: string, request: MessageInitShape<typeof StartLoadRequestSchema>]>([
  ["none a second", load(0, 1_000)],
  ["less than none a second", load(-1, 1_000)],
  ["too many a second", load(501, 1_000)],
  ["no time", load(1, 0)],
  ["too short a time", load(1, 999)],
  ["too long a time", load(1, 600_001)],
  ["without a time", { checkoutsPerSecond: 1 }],
])("a load of %s is out of range", async (_, request) => {
  expect(await reasonOf((await operator()).startLoad(request))).toBe("INVALID_ARGUMENT");
  expect(started).toEqual([]);
});

test("one load runs at a time, is stopped once, and tells how it ended", async () => {
  const client = await operator();
  expect((await client.getLauncher({})).load).toBeUndefined();
  expect(await reasonOf(client.stopLoad({}))).toBe("LOAD_NOT_RUNNING");
  await client.startLoad(load(500, 600_000));
  await expect.poll(async () => (await client.getLauncher({})).load?.run?.lines).toEqual(["begun load 500 600"]);
  expect(await reasonOf(client.startLoad(load(1, 1_000)))).toBe("LOAD_RUNNING");

  await client.stopLoad({});

  const now = async () => (await client.getLauncher({})).load;
  await expect.poll(async () => (await now())?.run?.end).toBe("exit code 3");
  expect(await now()).toMatchObject({
    checkoutsPerSecond: 500,
    run: { lines: ["begun load 500 600", "asked to end"], endTime: expect.anything() },
  });
  expect(await reasonOf(client.stopLoad({}))).toBe("LOAD_NOT_RUNNING");
  expect(await reasonOf(client.startLoad(load(1, 1_500)))).toBe("OK");
  expect(started.at(-1)).toEqual(["load", "1", "2"]);
});

test("two audits at once are one", async () => {
  const client = await operator();
  const answers = await Promise.all([client.runAudit({}), client.runAudit({}), client.runAudit({})]);
  expect(new Set(answers.map(({ audit }) => JSON.stringify(audit?.startTime, withoutBigint))).size).toBe(1);
  expect(started).toEqual([["audit"]]);
});

test("what runs beside the shop ends with the launcher", async () => {
  const client = await operator();
  await client.startLoad(load(1, 1_000));
  await expect.poll(async () => (await client.getLauncher({})).load?.run?.lines).toEqual(["begun load 1 1"]);
  await launcher[Symbol.asyncDispose]();
  expect(isRunningIn(folder)).toBe(false);
});

test("what operators do is in the security log, that they read it as well, and so are refused callers", async () => {
  const client = await operator();
  await startOrder();
  await client.killProcess({ name: "order" });
  await client.startLoad(load(1, 1_000));
  await client.stopLoad({});
  await client.runAudit({});
  await reasonOf((await as("sam", ["support"])).runAudit({}));
  await client.listSecurityEvents({});

  const { events } = await client.listSecurityEvents({});

  const seen = events.map(({ event, outcome, actor, object }) => [event, outcome, actor?.id, object?.id]);
  const none = "";
  expect(seen).toEqual([
    ["security_log.read", "ok", "olga", none],
    ["access.refused", "refused", "sam", "sagacart.launcher.v1.LauncherService/RunAudit"],
    ["launcher.audit_run", "ok", "olga", none],
    ["launcher.load_stopped", "ok", "olga", none],
    ["launcher.load_started", "ok", "olga", none],
    ["launcher.process_killed", "ok", "olga", "order"],
  ]);
  expect(await readFile(join(folder, "security.log"), "utf8")).not.toContain("Bearer");
});

function withoutBigint(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

/** Returns true if a program of this folder runs. */
function isRunningIn(path: string): boolean {
  return started.length > 0 && execPs().includes(join(path, "program.mjs"));
}

function execPs(): string {
  return execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
}
