import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startPostgres } from "./stack/postgres.ts";
import { lockState } from "./stack/state.ts";

let state: string;
beforeEach(async () => {
  // Its mode is 0700, so root's Postgres keeps its data elsewhere: reset deletes those too.
  state = join(await mkdtemp(join(tmpdir(), "sagacart-reset-")), "state");
});
afterEach(() => rm(join(state, ".."), { recursive: true }));

function reset(): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const program = fileURLToPath(new URL("./reset.ts", import.meta.url));
  const env = { ...process.env, SAGACART_STATE_DIRECTORY: state };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program], { env }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

test("reset removes the state and the data, and can be run twice", async () => {
  const server = await startPostgres({ dataDirectory: join(state, "postgres"), settings: { fsync: "off" } });
  await server.stop();
  expect(existsSync(server.dataDirectory)).toBe(true);
  expect(await reset()).toEqual({ code: 0, stdout: `Deleted ${state}\n`, stderr: "" });
  expect(existsSync(state)).toBe(false);
  expect(existsSync(server.dataDirectory)).toBe(false);
  expect(await reset()).toMatchObject({ code: 0 });
});

test("reset refuses while the shop runs, and removes nothing", async () => {
  await mkdir(state);
  const lock = await lockState(state);
  const { code, stderr } = await reset();
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `Another process is starting or emptying the shop in ${state}. Wait for it to end.\n`,
  });
  expect(existsSync(state)).toBe(true);
  lock.release();
});
