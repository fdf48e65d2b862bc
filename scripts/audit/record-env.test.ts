import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@sagacart/chassis/testing/log";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Report } from "./finding.ts";
import { recordedRuns } from "./record-env.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "audit-record-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const reports: Report[] = [{ law: 1, checked: ["3 accounts"], findings: [] }];
const identity = { ORDER_ADDRESS: "127.0.0.1:1", AUTH_TOKEN_URL: "http://127.0.0.1:1/oidc/token" };

function runsWith(env: Record<string, string>) {
  const said: string[] = [];
  const say = (line: string) => said.push(line);
  const run = recordedRuns({ env, log: silentLog, tls: undefined, audit: async () => reports, say });
  return { said, run };
}

test.each([
  [
    "a file that is not there",
    { ...identity, SERVICE_CLIENT_ID: "audit", SERVICE_CLIENT_SECRET_FILE: "/nowhere/secret" },
    "SERVICE_CLIENT_SECRET cannot be read from its file, SERVICE_CLIENT_SECRET_FILE: ",
  ],
  [
    "variables that are missing",
    identity,
    "SERVICE_CLIENT_ID is not set; it must be a text; SERVICE_CLIENT_SECRET is not set; it must be a secret",
  ],
  [
    "a wrong variable",
    { ...identity, AUTH_TOKEN_URL: "identity", SERVICE_CLIENT_ID: "audit", SERVICE_CLIENT_SECRET: "s" },
    "AUTH_TOKEN_URL must be a URL",
  ],
])("with %s, the audit runs and says that it is not recorded", async (_, env, why) => {
  const { said, run } = runsWith(env);
  expect(await run()).toEqual(reports);
  expect(said).toEqual([expect.stringContaining(`audit: not recorded: ${why}`)]);
});

test("an audit that repeats is recorded once its secret is there", async () => {
  const file = join(folder, "SERVICE_CLIENT_SECRET");
  const { said, run } = runsWith({ ...identity, SERVICE_CLIENT_ID: "audit", SERVICE_CLIENT_SECRET_FILE: file });
  await run();
  expect(said).toEqual([expect.stringContaining("SERVICE_CLIENT_SECRET_FILE")]);

  await writeFile(file, "now-it-is-there\n");
  expect(await run()).toEqual(reports);
  // It tries to, at a port where nothing listens.
  expect(said).toEqual([expect.any(String), expect.not.stringContaining("SERVICE_CLIENT_SECRET")]);
  expect(said[1]).toMatch(/^audit: not recorded: /);
});

test("without an address, nothing is recorded and nothing is said", async () => {
  const { said, run } = runsWith({});
  expect(await run()).toEqual(reports);
  expect(said).toEqual([]);
});
