import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { get } from "node:http";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { startStandIn } from "./testing/gateway.ts";

const main = new URL("./main.ts", import.meta.url).pathname;
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
  }
});

function run(env: Record<string, string>) {
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, AUTH: "off", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  return child;
}

/** Resolves with the fields of the first log line that says this. */
async function logged(child: ReturnType<typeof run>, msg: string): Promise<Record<string, unknown>> {
  for await (const line of createInterface(child.stdout)) {
    const fields = JSON.parse(line);
    if (fields.msg === msg) {
      // Whatever else it writes must not fill the pipe.
      child.stdout.resume();
      return fields;
    }
  }
  throw new Error(`it ended without saying ${msg}: ${await text(child.stderr)}`);
}

test("every wrong variable is named, and the exit is 1", async () => {
  const child = run({
    PORT: "http",
    SURFACES_URL: "surfaces",
    CORS_ORIGINS: "shop.example",
    BODY_LIMIT_BYTES: "-1",
  });
  const [[code], errors] = await Promise.all([once(child, "exit"), text(child.stderr)]);
  expect(code).toBe(1);
  expect(
    errors
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0]),
  ).toEqual(["PORT", "BODY_LIMIT_BYTES", "SURFACES_URL", "CORS_ORIGINS"]);
});

test("a port in use is reported in one line, and the exit is 1", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const child = run({ PORT: String(port), ADMIN_PORT: "0" });
  const [[code], errors] = await Promise.all([once(child, "exit"), text(child.stderr)]);
  other.close();
  expect(code).toBe(1);
  expect(errors).toBe(
    `127.0.0.1:${port} is in use by another process; stop that, or set PORT or ADMIN_PORT to a free one\n`,
  );
});

test("on SIGTERM it is not ready, answers the request in flight, takes no new ones, and exits with 0", async () => {
  await using standIn = await startStandIn();
  const at = standIn.address;
  const child = run({
    PORT: "0",
    ADMIN_PORT: "0",
    SHUTDOWN_DELAY_MS: "300",
    ORDER_ADDRESS: at,
    STOCK_ADDRESS: at,
    PAYMENT_ADDRESS: at,
    SHIPPING_ADDRESS: at,
    NOTIFIER_ADDRESS: at,
  });
  const { port, adminPort } = await logged(child, "ready");
  await expect.poll(() => statusOf(`http://127.0.0.1:${adminPort}/ready`)).toBe(200);
  const entered = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  standIn.answer("GetOrder", async () => {
    entered.resolve();
    await leave.promise;
    return { order: { id: "o" } };
  });
  const underWay = fetch(`http://127.0.0.1:${port}/v1/orders/o`);
  await entered.promise;
  child.kill("SIGTERM");
  await expect.poll(() => statusOf(`http://127.0.0.1:${adminPort}/ready`)).toBe(503);
  await expect.poll(() => statusOf(`http://127.0.0.1:${port}/health`)).toBe("refused");
  leave.resolve();
  expect((await underWay).status).toBe(200);
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
});

test.each([
  ["with a launcher", { LAUNCHER_ADDRESS: "127.0.0.1:1", SIMULATED_PROVIDERS: "true" }, 403],
  ["without one", {}, 200],
] as const)("a gateway %s: requests for other hosts", async (_, env, status) => {
  const child = run({ PORT: "0", ADMIN_PORT: "0", PUBLIC_URL: "https://shop.example", ...env });
  const { port } = await logged(child, "ready");
  const statusFor = async (host: string) => {
    const sent = get({ host: "127.0.0.1", port: Number(port), path: "/health", agent: false, headers: { host } });
    const [answer] = await once(sent, "response");
    answer.resume();
    return answer.statusCode;
  };
  expect(await Promise.all(["localhost", "shop.example", "evil.example"].map(statusFor))).toEqual([200, 200, status]);
});

async function statusOf(url: string): Promise<number | "refused"> {
  try {
    return (await fetch(url, { headers: { connection: "close" } })).status;
  } catch {
    return "refused";
  }
}
