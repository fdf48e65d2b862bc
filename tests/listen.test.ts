import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type Receiver, startReceiver } from "@sagacart/notifier/testing/receiver";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneFolder } from "../scripts/clone.ts";
import { runToEnd } from "../scripts/program.ts";
import { authorizationOf } from "../scripts/stack/tokens.ts";
import { callerOf } from "./support/caller.ts";
import { makeCustomer, makeProduct } from "./support/scenario.ts";
import { startShop, type TestShop, until } from "./support/shop.ts";

// npm run listen, as a developer uses it: against a whole shop, with a program that verifies the signatures.

const program = join(cloneFolder, "clients/typescript/src/listen/main.ts");
const secret = `whsec_${Buffer.from("a secret of thirty-two characters").toString("base64")}`;

let shop: TestShop;
let receiver: Receiver;
let listening: ChildProcess | undefined;
let printed = "";

beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop?.[Symbol.asyncDispose]());

beforeEach(async () => {
  printed = "";
  receiver = await startReceiver();
  receiver.secret = secret;
});
afterEach(async () => {
  if (listening !== undefined && listening.exitCode === null) {
    const ended = once(listening, "exit");
    listening.kill("SIGTERM");
    await ended;
  }
  await receiver[Symbol.asyncDispose]();
});

const argumentsOf = (...more: string[]) => [
  ...[program, "--forward-to", receiver.url, "--secret", secret],
  ...["--url", `http://${shop.stack.addresses.gateway}`, ...more],
];

/** Starts it, and resolves when it listens. */
async function listen(...more: string[]): Promise<void> {
  const child = spawn(process.execPath, argumentsOf(...more), { stdio: ["pipe", "pipe", "inherit"] });
  listening = child;
  child.stdout.on("data", (data) => {
    printed += data;
  });
  await until(60_000, "it to listen", async () => (printed.includes("listening after") ? true : undefined));
}

async function buy(): Promise<string> {
  const customerId = await makeCustomer(shop.shop, 1_000n);
  const lines = [{ productId: await makeProduct(shop.shop, 1), quantity: 1 }];
  const { order } = await shop.shop.orders.checkout({ customerId, lines });
  return order?.id ?? "";
}

const sequencesOf = (order: string) =>
  receiver.received.filter(({ subject }) => subject === order).map(({ sequence }) => sequence);

async function untilCompleted(order: string): Promise<void> {
  await until(60_000, `the events of ${order}`, async () =>
    receiver.received.some(({ subject, type }) => subject === order && type === "sagacart.order.completed.v1")
      ? true
      : undefined,
  );
}

test("it forwards each new event once and in order, also when the gateway is killed meanwhile", async () => {
  const before = await buy();
  await listen();
  const first = await buy();
  await untilCompleted(first);
  await shop.stack.kill("gateway", "SIGKILL");
  const second = await buy();
  await shop.stack.start("gateway");
  await untilCompleted(second);

  expect(sequencesOf(before)).toEqual([]);
  expect(sequencesOf(first)).toEqual([1, 2, 3, 4, 5]);
  expect(sequencesOf(second)).toEqual([1, 2, 3, 4, 5]);
  expect(receiver.forged).toBe(0);
  const [event] = receiver.received;
  expect(printed).toContain(`ok  ${event?.type} ${event?.subject} ${event?.eventId}: 204`);
});

test("its requests are those of a webhook endpoint", async () => {
  await using endpoint = await startReceiver();
  const authorization = await authorizationOf(shop.stack.addresses, "admin");
  const { body } = await callerOf(shop.stack)(
    "POST /v1/webhook-endpoints",
    { endpoint: { url: endpoint.url, eventTypes: ["sagacart.order.*"] } },
    { authorization, "idempotency-key": crypto.randomUUID() },
  );
  endpoint.secret = body.secret;
  await listen("--types", "sagacart.order.*");
  const order = await buy();
  await untilCompleted(order);
  await until(60_000, "the webhooks", async () =>
    endpoint.accepted.filter(({ subject }) => subject === order).length === 5 ? true : undefined,
  );

  const requestsOf = (of: Receiver) =>
    of.received
      .filter(({ subject }) => subject === order)
      .map(({ body, headers }) => [
        body,
        headers["content-type"],
        headers["user-agent"],
        Object.keys(headers).includes("webhook-signature"),
      ]);
  expect(requestsOf(receiver)).toEqual(requestsOf(endpoint));
});

test("an event is sent again by its id, with the same webhook-id", async () => {
  await listen("--types", "sagacart.order.paid.v1");
  const order = await buy();
  const paid = await until(60_000, "the event", async () => receiver.received.find(({ subject }) => subject === order));
  expect(paid.type).toBe("sagacart.order.paid.v1");

  listening?.stdin?.write(`${paid.eventId}\nnothing\n`);
  await until(60_000, "the replay", async () => (receiver.received.length > 1 ? true : undefined));
  await until(60_000, "the answer", async () => (printed.includes("there is no event nothing") ? true : undefined));
  expect(receiver.received[1]).toMatchObject({ id: paid.id, body: paid.body });

  const once = await runToEnd(process.execPath, argumentsOf("--replay", paid.eventId));
  expect([once.code, receiver.received.length]).toEqual([0, 3]);
  expect(await runToEnd(process.execPath, argumentsOf("--replay", "nothing"))).toMatchObject({
    code: 1,
    stderr: "there is no event nothing\n",
  });
});

test("what the receiver does not accept is shown, and does not hold back the others", async () => {
  receiver.reply = ({ sequence }) => ({ status: sequence === 2 ? 500 : 204 });
  await listen();
  const order = await buy();
  await untilCompleted(order);
  expect(sequencesOf(order)).toEqual([1, 2, 3, 4, 5]);
  expect(printed).toMatch(new RegExp(`BAD sagacart\\.order\\.\\w+\\.v1 ${order} \\S+: 500`));
});

describe("the command line", () => {
  test.for([
    [["--help"], 0, "Usage: npm run listen"],
    [[], 1, "--forward-to is missing"],
    [["--forward-to", "localhost:3000"], 1, "--forward-to must be an http or https URL"],
    [["--forward-to", "http://localhost:1", "--after", "-1"], 1, "--after"],
    [["--forward-to", "http://localhost:1", "--secret", "short"], 1, "--secret must be"],
    [["--forward-to", "http://localhost:1", "--url", "nowhere"], 1, "--url must be a URL"],
    [["--nonsense"], 1, "See --help"],
  ] as const)("%j ends with %d", async ([args, code, text]) => {
    const ended = await runToEnd(process.execPath, [program, ...args]);
    expect(ended.code).toBe(code);
    expect(ended.stdout + ended.stderr).toContain(text);
  });

  test("a wrong password is a sentence", async () => {
    const ended = await runToEnd(process.execPath, argumentsOf(), { env: { ...process.env, SHOP_PASSWORD: "wrong" } });
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringMatching(/^BAD_CREDENTIALS: [^\n]+\n$/)]);
  });
});
