import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { errorInfo } from "@sagacart/chassis/errors";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { silentLog } from "@sagacart/chassis/testing/log";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createMeters } from "../meters.ts";
import { startTestIdentity, type TestIdentity } from "../testing/identity.ts";
import { createBreachedPasswords } from "./breached-passwords.ts";

const breached = "breached horse battery";
const hashOf = (password: string) => createHash("sha1").update(password).digest("hex").toUpperCase();

/** What the range API answers: the hashes that begin with the five digits, and some to pad them, which occurred 0 times. */
function range(prefix: string, passwords: Record<string, number>): string {
  const padding = Array.from({ length: 800 }, (_, index) => `${hashOf(`padding ${index}`).slice(5)}:0`);
  const found = Object.entries(passwords).filter(([password]) => hashOf(password).startsWith(prefix));
  return [...padding, ...found.map(([password, count]) => `${hashOf(password).slice(5)}:${count}`)].join("\r\n");
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
const good: Answer = ({ url = "" }, response) =>
  response.end(range(url.slice("/range/".length), { [breached]: 3, "padded horse": 0 }));

let answer: Answer;
let asked: IncomingMessage[];
const server = createServer((request, response) => {
  asked.push(request);
  answer(request, response);
});
const serverUrl = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

let running: TestIdentity;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  answer = good;
  asked = [];
  running = await startTestIdentity({ env: { PASSWORD_BREACH_URL: `${serverUrl()}/range/` } });
});
beforeEach(() => {
  answer = good;
  asked = [];
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "OK",
    (error: unknown) => errorInfo(error).reason,
  );
}

let people = 0;
const account = (password: string) => ({ username: `b-${++people}`, email: `b-${people}@shop.test`, password });

async function has(password: string, { url = `${serverUrl()}/range`, timeoutMs = 10_000 } = {}) {
  const metrics = createMetrics("identity");
  const lookup = createBreachedPasswords({ url, timeoutMs, log: silentLog, meters: createMeters(metrics) });
  const found = await lookup.has(password);
  const outcome = /identity_breached_password_checks_total\{outcome="(\w+)"/.exec(await metrics.metrics())?.[1];
  return { found, outcome };
}

test("a password known from a breach is refused: at registration, a change and a reset", async () => {
  const { client, id, password: currentPassword } = await running.register();
  const token = "t".repeat(43);
  await running.pool.query(
    "insert into password_resets (hash, user_id, expire_time) values (sha256(convert_to($1, 'UTF8')), $2, now() + interval '1 hour')",
    [token, id],
  );
  const change = (newPassword: string) => client.changePassword({ userId: "me", currentPassword, newPassword });
  const reset = (newPassword: string) => running.anonymous.resetPassword({ token, newPassword });

  expect(await reasonOf(running.anonymous.register(account(breached)))).toBe("PASSWORD_BREACHED");
  expect(await reasonOf(change(breached))).toBe("PASSWORD_BREACHED");
  expect(await reasonOf(reset(breached))).toBe("PASSWORD_BREACHED");
  // The token was not used up.
  expect(await reasonOf(reset("quite another"))).toBe("OK");
});

test("another password is accepted, also one that only pads the answer", async () => {
  expect(await reasonOf(running.anonymous.register(account("padded horse")))).toBe("OK");
  expect(await has("padded horse")).toEqual({ found: false, outcome: "unknown" });
  expect(await has(breached)).toEqual({ found: true, outcome: "known" });
});

test("the API gets five digits of the hash, asked to pad its answer, and nothing else of the password", async () => {
  await has(breached);

  const [request] = asked;
  expect(request).toMatchObject({ method: "GET", url: `/range/${hashOf(breached).slice(0, 5)}` });
  expect(request!.headers["add-padding"]).toBe("true");
  const sent = JSON.stringify([request!.url, request!.headers]);
  expect(sent).not.toContain(hashOf(breached).slice(5, 12));
});

const failures: [string, Answer][] = [
  ["answers an error", (_, response) => response.writeHead(503).end("busy")],
  ["answers 404", (_, response) => response.writeHead(404).end()],
  ["redirects", (_, response) => response.writeHead(302, { location: `${serverUrl()}/range/ABCDE` }).end()],
  ["answers a page", (_, response) => response.end("<html>captive portal</html>")],
  ["answers without end", (_, response) => response.end("0".repeat(2_000_000))],
  ["closes the connection", (request) => request.socket.destroy()],
  ["never answers", () => {}],
  ["stops in the middle", (_, response) => response.write(`${hashOf("x").slice(5)}:1\r\n`)],
];

test.each(failures)("an API that %s lets the password pass, and is counted", async (_how, broken) => {
  answer = broken;
  expect(await has(breached, { timeoutMs: 300 })).toEqual({ found: false, outcome: "failed" });
  expect(asked).toHaveLength(1);
});

test("an API that is away lets the password pass", async () => {
  expect(await has(breached, { url: "http://127.0.0.1:1/range/" })).toEqual({ found: false, outcome: "failed" });
});

test("a password that is refused by itself is not looked up", async () => {
  expect(await reasonOf(running.anonymous.register(account("password123")))).toBe("PASSWORD_TOO_COMMON");
  expect(asked).toEqual([]);
});
