import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loopback } from "../scripts/stack/ports.ts";
import { type Ports, portVariable, someFreePorts } from "../scripts/stack/services.ts";
import type { ShopFile } from "../scripts/stack/state.ts";
import { isRunning } from "../scripts/stack/testing.ts";
import { authorizationOf } from "../scripts/stack/tokens.ts";

// npm start as a person uses it: the command, its output, Ctrl-C.

const run = promisify(execFile);
let ports: Ports;
let state: string;
let env: NodeJS.ProcessEnv;
const started: ChildProcess[] = [];

beforeAll(async () => {
  ports = await someFreePorts();
  state = join(await mkdtemp(join(tmpdir(), "sagacart-start-")), "state");
  const variables = Object.entries(ports).map(([name, port]) => [portVariable(name as keyof Ports), String(port)]);
  env = { ...process.env, ...Object.fromEntries(variables), SAGACART_STATE_DIRECTORY: state };
});
afterAll(async () => {
  for (const child of started) child.kill("SIGKILL");
  await rm(join(state, ".."), { recursive: true, force: true });
});

type Shop = {
  output(): string;
  /** Resolves when it is ready, rejects when it ends before. */
  readonly ready: Promise<void>;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  kill(signal: NodeJS.Signals): void;
};

function start(more: NodeJS.ProcessEnv = {}, args: readonly string[] = []): Shop {
  const program = fileURLToPath(new URL("../scripts/start.ts", import.meta.url));
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...env, ...more },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  let output = "";
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once("close", (code, signal) => resolve(code ?? signal)),
  );
  const ready = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (output.includes("Ctrl-C stops it")) resolve();
      });
    }
    child.once("close", () => reject(new Error(`it ended before it was ready:\n${output}`)));
  });
  ready.catch(() => undefined); // a test that does not wait for it checks how the process ended
  return { output: () => output, ready, ended, kill: (signal) => child.kill(signal) };
}

async function readShopFile(): Promise<ShopFile> {
  return JSON.parse(await readFile(join(state, "shop.json"), "utf8"));
}

const still = (pids: Readonly<Record<string, number>>) =>
  Object.entries(pids)
    .filter(([, pid]) => isRunning(pid))
    .map(([name]) => name);

test("the shop starts, its printed commands work, Ctrl-C stops it, and the next start has the same data", async () => {
  const first = start();
  await first.ready;
  expect(first.output()).toMatch(/Memory of all its processes: \d+ MiB/);
  const shop = await readShopFile();
  expect((await stat(join(state, "shop.json"))).mode & 0o777).toBe(0o600);
  expect(still(shop.pids)).toEqual(Object.keys(shop.pids));

  // Run the printed lines in a shell, unchanged.
  const lines = first.output().split("\n");
  const pasted = (start: string) => lines.filter((line) => line.trim().startsWith(start)).map((line) => line.trim());
  const [signIn] = pasted("TOKEN=");
  const [list, buy] = await Promise.all(
    pasted("curl").map(async (line) => (await run("/bin/sh", ["-c", `${signIn}\n${line}`])).stdout),
  );
  const { products } = JSON.parse(list!);
  expect(products.map(({ sku }: { sku: string }) => sku)).toEqual([
    "LAPTOP-001",
    "KB-002",
    "MOUSE-003",
    "MON-004",
    "HP-005",
  ]);
  const { order } = JSON.parse(buy!);
  expect(order).toMatchObject({ state: "STATE_COMPLETED" });

  // Nothing is traced unless that is asked for.
  const settings = await (await fetch(`http://${loopback}:${ports.gateway}/shop/config.json`)).json();
  expect(settings).not.toHaveProperty("traceRatio");
  expect(settings).not.toHaveProperty("keepsTraces");

  // A second start in the same clone is refused and does no harm.
  const second = start();
  expect(await second.ended).toBe(1);
  expect(second.output()).toContain("The shop of this clone is already running: process");

  first.kill("SIGINT");
  expect(await first.ended).toBe(0);
  expect(still(shop.pids)).toEqual([]);
  expect(existsSync(join(state, "shop.json"))).toBe(false);

  const again = start();
  await again.ready;
  const answer = await fetch(`http://${loopback}:${ports.gateway}/v1/orders/${order.id}`, {
    headers: { authorization: await authorizationOf((await readShopFile()).addresses, "alice") },
  });
  expect(await answer.json()).toMatchObject({ order: { id: order.id, state: "STATE_COMPLETED" } });

  // Killed with SIGKILL, it leaves nothing running either, and its shop.json misleads no command.
  const { pids } = await readShopFile();
  again.kill("SIGKILL");
  expect(await again.ended).toBe("SIGKILL");
  await expect.poll(() => still(pids)).toEqual([]);
});

test("a port in use is reported before anything starts", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(ports.stock, loopback, resolve));
  const shop = start();
  expect(await shop.ended).toBe(1);
  expect(shop.output()).toContain(`Port ${ports.stock}, which stock (SAGACART_STOCK_PORT) needs, is taken by process`);
  expect(shop.output()).not.toContain("is ready");
  await new Promise((resolve) => server.close(resolve));
});

test("an unreachable Temporal is reported in one sentence, and nothing is left running", async () => {
  const shop = start({
    PATH: "/usr/bin:/bin",
    XDG_CACHE_HOME: join(state, "..", "cache"),
    TEMPORAL_ADDRESS: "127.0.0.1:1",
  });
  expect(await shop.ended).toBe(1);
  expect(shop.output()).toContain("No Temporal server answers at 127.0.0.1:1 (TEMPORAL_ADDRESS)");
  expect(existsSync(join(state, "postgres", "postmaster.pid"))).toBe(false);
});

test("Ctrl-C during the start stops it, and nothing is left running", async () => {
  const shop = start();
  await expect.poll(() => shop.output()).toContain("Postgres is ready");
  shop.kill("SIGINT");
  expect(await shop.ended).toBe(0);
  expect(shop.output()).toContain("Stopped before it was ready.");
  expect(existsSync(join(state, "postgres", "postmaster.pid"))).toBe(false);
});

test("an option that it does not have is refused before anything is started", async () => {
  const shop = start({}, ["--observed"]);
  expect(await shop.ended).toBe(1);
  expect(shop.output()).toContain("npm start takes --observe and --help.");
});
