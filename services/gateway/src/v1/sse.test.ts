import { setTimeout } from "node:timers/promises";
import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";

let standIn: StandIn;
let gateway: TestGateway;

beforeAll(async () => {
  standIn = await startStandIn();
  gateway = await startTestGateway(standIn.address);
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

const reasons = defineReasons({ ORDER_NOT_FOUND: Code.NotFound, SHUTTING_DOWN: Code.Unavailable });

function order(state: Order_State, sequence: bigint) {
  return { order: { id: "o", state, sequence }, changes: [{ sequence, state }] };
}

/** Reads events until there are `count` with data, or the stream ends. */
async function read(path: string, count: number, headers: Record<string, string> = {}) {
  const leaving = new AbortController();
  const response = await fetch(`${gateway.url}${path}`, { headers, signal: leaving.signal });
  let text = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (text.split("data: ").length > count && text.endsWith("\n\n")) {
      break;
    }
  }
  leaving.abort();
  const blocks = text
    .split("\n\n")
    .map((block) => Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2))));
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    text,
    events: blocks.filter(({ data }) => data !== undefined),
  };
}

test("an order is watched until it is final, with its sequence as the event's id and an event for the end", async () => {
  standIn.answer("WatchOrder", async function* () {
    yield order(Order_State.PENDING, 1n);
    yield order(Order_State.COMPLETED, 5n);
  });
  const { status, type, events } = await read("/v1/orders/o:watch?customerId=c", 9);
  expect(status).toBe(200);
  expect(type).toBe("text/event-stream; charset=utf-8");
  expect(events.map(({ id, event }) => [id, event])).toEqual([
    ["1", undefined],
    ["5", undefined],
    [undefined, "end"],
  ]);
  expect(JSON.parse(events[1]?.data ?? "").order).toMatchObject({ id: "o", state: "STATE_COMPLETED", sequence: "5" });
  expect(standIn.asked.at(-1)?.request).toEqual({ id: "o", customerId: "c" });
});

test("a watcher resumes by Last-Event-ID, which takes precedence over the query", async () => {
  standIn.answer("WatchOrder", async function* () {
    yield order(Order_State.PAID, 3n);
  });
  await read("/v1/orders/o:watch?afterSequence=1", 1, { "last-event-id": "2" });
  expect(standIn.asked.at(-1)?.request).toEqual({ id: "o", afterSequence: "2" });
});

test("a browser that reconnects after the end gets 204", async () => {
  standIn.answer("WatchOrder", async function* () {
    yield { ...order(Order_State.COMPLETED, 5n), changes: [] };
  });
  expect((await read("/v1/orders/o:watch", 1, { "last-event-id": "5" })).status).toBe(204);
  expect((await read("/v1/orders/o:watch", 1, { "last-event-id": "4" })).status).toBe(200);
  expect((await read("/v1/orders/o:watch", 1)).status).toBe(200);
});

test("an error before the first event is a problem", async () => {
  standIn.answer("WatchOrder", () => {
    throw new DomainError(reasons, "ORDER_NOT_FOUND", "there is no order o", { order_id: "o" });
  });
  expect((await gateway.send("GET /v1/orders/o:watch")).body).toMatchObject({ status: 404, reason: "ORDER_NOT_FOUND" });
  expect((await gateway.send("GET /v1/orders/a%20b:watch")).body).toMatchObject({
    status: 400,
    detail: expect.stringContaining("id"),
  });
  expect((await gateway.send("GET /v1/orders/o:watch", { headers: { "last-event-id": "x" } })).body).toMatchObject({
    status: 400,
    detail: expect.stringContaining("Last-Event-ID"),
  });
});

test("a later error is an event, and the stream ends", async () => {
  standIn.answer("WatchOrder", async function* () {
    yield order(Order_State.PENDING, 1n);
    throw new DomainError(reasons, "SHUTTING_DOWN", "the server is shutting down; try again");
  });
  const { events, text } = await read("/v1/orders/o:watch", 9);
  expect(events.map(({ event }) => event)).toEqual([undefined, "problem"]);
  expect(JSON.parse(events[1]?.data ?? "")).toMatchObject({ status: 503, reason: "SHUTTING_DOWN" });
  expect(text).toContain("\n\nretry: 50\n\nevent: problem\n");
});

test("an idle stream sends comments; when the reader disconnects, the call ends", async () => {
  const left = Promise.withResolvers<void>();
  standIn.answer("WatchOrder", async function* (_request, { signal }) {
    yield order(Order_State.AWAITING_PAYMENT, 2n);
    signal.addEventListener("abort", () => left.resolve());
    await left.promise;
  });
  const leaving = new AbortController();
  const response = await fetch(`${gateway.url}/v1/orders/o:watch`, { signal: leaving.signal });
  let text = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (text.includes(": still here")) {
      break;
    }
  }
  leaving.abort();
  await left.promise;
});

test("in the feed of orders the position is the id, and skips events that the types leave out", async () => {
  standIn.answer("SubscribeEvents", async function* () {
    yield { events: [{ id: "e1", position: 7n, type: "sagacart.order.paid.v1", subject: "o" }], nextPosition: 7n };
    yield { events: [{ id: "e2", position: 8n, type: "sagacart.order.paid.v1", subject: "o" }], nextPosition: 11n };
  });
  const { events, text } = await read("/v1/events:subscribe?types=sagacart.order.paid.v1&afterPosition=6", 9);
  expect(standIn.asked.at(-1)?.request).toEqual({ types: ["sagacart.order.paid.v1"], afterPosition: "6" });
  expect(events.map(({ id }) => id)).toEqual(["7", "8", undefined]);
  expect(JSON.parse(events[0]?.data ?? "")).toMatchObject({ id: "e1", type: "sagacart.order.paid.v1", position: "7" });
  expect(text).toContain("\n\nid: 11\n\n");
});

test("the feed is read page by page too", async () => {
  standIn.answer("ReadEvents", () => ({ events: [{ id: "e1", position: 7n }], nextPosition: 7n }));
  const answer = await gateway.send("GET /v1/events?afterPosition=6&pageSize=10");
  expect(answer.body).toMatchObject({ events: [{ id: "e1", position: "7" }], nextPosition: "7" });
  expect(standIn.asked.at(-1)).toMatchObject({ rpc: "ReadEvents", request: { afterPosition: "6", pageSize: 10 } });
});

test("a watch and a feed live longer than the gateway's connections to the services", async () => {
  await using aging = await startStandIn({ maxConnectionAgeMs: 100 });
  await using before = await startTestGateway(aging.address, { keepaliveIntervalMs: 20 });
  aging.answer("WatchOrder", async function* () {
    for (let sequence = 1n; sequence < 20n; sequence++) {
      yield order(Order_State.SHIPPING, sequence);
      await setTimeout(50);
    }
    yield order(Order_State.COMPLETED, 20n);
  });
  aging.answer("SubscribeEvents", async function* () {
    for (let position = 1n; position <= 20n; position++) {
      yield { events: [{ id: `e${position}`, position }], nextPosition: position };
      await setTimeout(50);
    }
  });

  const texts = await Promise.all(
    ["/v1/orders/o:watch", "/v1/events:subscribe"].map(async (path) => (await fetch(`${before.url}${path}`)).text()),
  );

  const sequences = Array.from({ length: 20 }, (_, index) => String(index + 1));
  for (const text of texts) {
    expect(text.match(/(?<=^id: ).*/gm)).toEqual(sequences);
    expect(text).toContain("event: end\n");
  }
});

test("closing the gateway ends streams, and asks their readers to reconnect at once", async () => {
  await using closing = await startTestGateway(standIn.address);
  standIn.answer("WatchOrder", async function* (_request, { signal }) {
    yield order(Order_State.AWAITING_PAYMENT, 2n);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });
  const response = await fetch(`${closing.url}/v1/orders/o:watch`);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  await reader?.read();
  const closed = closing.app.close();
  let text = "";
  for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
    text += next.value;
  }
  await closed;
  expect(text.match(/^(retry|event): .*$/gm)?.slice(-2)).toEqual(["retry: 50", "event: problem"]);
  expect(JSON.parse(text.match(/^data: (.*"reason".*)$/m)?.[1] ?? "{}")).toMatchObject({ status: 503 });
});

test("a stream that has no event yet when the gateway closes is answered with a problem that may be repeated", async () => {
  await using closing = await startTestGateway(standIn.address);
  const entered = Promise.withResolvers<void>();
  standIn.answer("WatchOrder", async function* (_request, { signal }) {
    entered.resolve();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });
  const answer = fetch(`${closing.url}/v1/orders/o:watch`);
  await entered.promise;
  await closing.app.close();
  const { status, headers } = await answer;
  expect([status, headers.get("connection")]).toEqual([503, "close"]);
});

test("an inbox is watched from the last sequence that was sent", async () => {
  standIn.answer("WatchInbox", async function* () {
    yield { messages: [{ id: "m", sequence: 4n }], unreadCount: 2n, sequence: 4n };
    yield { deletedIds: ["m"], unreadCount: 1n, sequence: 5n };
    await new Promise(() => {});
  });
  const { status, events } = await read("/v1/inbox/ann:watch", 2, { "last-event-id": "3" });
  expect(status).toBe(200);
  expect(standIn.asked.at(-1)?.request).toEqual({ customerId: "ann", afterSequence: "3" });
  expect(events.map(({ id }) => id)).toEqual(["4", "5"]);
  expect(JSON.parse(events[1]?.data ?? "")).toEqual({
    messages: [],
    deletedIds: ["m"],
    unreadCount: "1",
    sequence: "5",
  });
});
