import { startTestFeed, type TestFeed } from "@sagacart/outbox/testing/test-feed";
import { CloudEvent, HTTP } from "cloudevents";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestGateway, type TestGateway } from "../testing/gateway.ts";

let stack: AsyncDisposableStack;
let orders: TestFeed;
let payments: TestFeed;
let gateway: TestGateway;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  orders = stack.use(await startTestFeed("/sagacart/order"));
  payments = stack.use(await startTestFeed("/sagacart/payment"));
  gateway = stack.use(
    await startTestGateway("127.0.0.1:1", { addresses: { order: orders.address, payment: payments.address } }),
  );
});

afterAll(() => stack.disposeAsync());

beforeEach(async () => {
  for (const { pool } of [orders, payments]) {
    // In the order in which readers lock them: a subscription of the test before may be reading still.
    await pool.query("truncate event_consumers, event_appends, event_positions, events");
  }
});

/** Publishes events that are in the feed when it is done. */
async function publish(feed: TestFeed, ...names: string[]): Promise<void> {
  for (const name of names) {
    const [subject = "", type = ""] = name.split("/");
    const { rows } = await feed.pool.query<{ next: bigint }>(
      "select coalesce(max(sequence), 0) + 1 as next from events where subject = $1",
      [subject],
    );
    await feed.publish([{ subject, sequence: rows[0]!.next, type, data: { of: subject } }]);
  }
  await expect
    .poll(async () => (await feed.pool.query("select 1 from event_appends")).rowCount, { interval: 5 })
    .toBe(0);
}

/** The server-sent events of a stream, until there are so many with data; and what else it said. */
async function listen(path: string, count: number, headers: Record<string, string> = {}) {
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
    .map((block) => new Map(block.split("\n").map((line) => [line.split(":", 1)[0], line])));
  const value = (line: string | undefined) => line?.replace(/^\w+: /, "") ?? "";
  return blocks
    .filter((block) => block.has("data"))
    .map((block) => ({ id: value(block.get("id")), data: JSON.parse(value(block.get("data"))) }));
}

test("each feed has its own path and positions; the path without a feed is that of orders", async () => {
  await publish(orders, "o/made", "o/paid");
  await publish(payments, "p/settled");
  const sources = async (path: string) =>
    (await gateway.send(`GET ${path}`)).body.events.map((event: { source: string; position: string }) => [
      event.source,
      event.position,
    ]);
  expect(await sources("/v1/events")).toEqual([
    ["/sagacart/order", "1"],
    ["/sagacart/order", "2"],
  ]);
  expect(await sources("/v1/feeds/order/events?afterPosition=1")).toEqual([["/sagacart/order", "2"]]);
  expect(await sources("/v1/feeds/payment/events")).toEqual([["/sagacart/payment", "1"]]);
  expect((await gateway.send("GET /v1/feeds/stock/events")).status).toBe(404);
  expect(await listen("/v1/feeds/payment/events:subscribe", 1)).toMatchObject([{ id: "1", data: { subject: "p" } }]);
});

test("a page is a batch of CloudEvents if the caller accepts that, with the next position in headers", async () => {
  await publish(orders, "o/made", "o/paid", "o/paid");
  const path = "/v1/events?types=paid&pageSize=1&afterPosition=0";
  for (const [extra, headers] of [
    ["", { accept: "application/cloudevents-batch+json" }],
    ["&format=cloudevents", {}],
  ] as const) {
    const answer = await gateway.send(`GET ${path}${extra}`, { headers });
    expect(answer.headers.get("content-type")).toBe("application/cloudevents-batch+json; charset=utf-8");
    const events = HTTP.toEvent({ headers: Object.fromEntries(answer.headers), body: JSON.stringify(answer.body) });
    expect(events).toMatchObject([{ type: "paid", subject: "o", source: "/sagacart/order", position: "2" }]);
    expect(answer.headers.get("link")).toBe(`</v1/events?types=paid&pageSize=1&afterPosition=2${extra}>; rel="next"`);
    expect(answer.headers.get("sagacart-next-position")).toBe("2");
    expect(answer.headers.get("vary")).toContain("Accept");
  }
});

test("without asking for CloudEvents a page is the API's JSON, and an unknown format is refused", async () => {
  await publish(orders, "o/made");
  for (const accept of ["*/*", "application/json", "application/json, application/cloudevents-batch+json;q=0.5"]) {
    const { body } = await gateway.send("GET /v1/events", { headers: { accept } });
    expect(body).toMatchObject({ events: [{ position: "1", sequence: "1" }], nextPosition: "1", generation: "0" });
  }
  expect((await gateway.send("GET /v1/events?format=xml")).body).toMatchObject({
    status: 400,
    violations: [{ field: "format" }],
  });
  expect((await gateway.send("GET /v1/events:subscribe?format=xml")).status).toBe(400);
});

test("a subscription sends CloudEvents if asked for, by Accept or in the query", async () => {
  await publish(orders, "o/made", "o/paid");
  for (const [query, accept] of [
    ["", "text/event-stream, application/cloudevents+json"],
    ["?format=cloudevents", "text/event-stream"],
  ] as const) {
    const events = await listen(`/v1/events:subscribe${query}`, 2, { accept });
    expect(events.map(({ id }) => id)).toEqual(["1", "2"]);
    for (const { id, data } of events) {
      expect(new CloudEvent(data).validate()).toBe(true);
      expect(data).toMatchObject({ specversion: "1.0", position: id, data: { of: "o" } });
    }
  }
});

test("a stream starts at once and stays open without events", async () => {
  const leaving = new AbortController();
  const response = await fetch(`${gateway.url}/v1/events:subscribe`, { signal: leaving.signal });
  expect(response.status).toBe(200);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(": still here")) {
    text += (await reader.read()).value;
  }
  await publish(orders, "o/made");
  while (!text.includes("data: ")) {
    text += (await reader.read()).value;
  }
  leaving.abort();
});

test("Last-Event-ID resumes after that event", async () => {
  await publish(orders, "o/made", "o/paid", "o/done");
  const events = await listen("/v1/events:subscribe?afterPosition=0", 1, { "last-event-id": "2" });
  expect(events).toMatchObject([{ id: "3", data: { type: "done" } }]);
});

test("a named consumer is created, reads, acknowledges, is listed, set back and deleted", async () => {
  await publish(orders, "o/made", "o/paid", "o/done");
  const consumers = "/v1/consumers";
  const commit = (body: object) => gateway.send(`POST ${consumers}/books:commit`, { body });
  expect((await gateway.send("GET /v1/events?consumer=books")).body.reason).toBe("CONSUMER_NOT_FOUND");
  expect((await commit({})).body.consumer).toMatchObject({ name: "books", position: "0", lagEvents: "3" });
  const page = (await gateway.send("GET /v1/events?consumer=books&pageSize=2")).body;
  expect(page).toMatchObject({ events: [{ position: "1" }, { position: "2" }], nextPosition: "2", generation: "0" });
  expect((await commit({ position: "2", generation: "0" })).body.consumer).toMatchObject({ lagEvents: "1" });
  // What the consumer acknowledged counts, and not the last position in its stream.
  const resumed = await listen("/v1/events:subscribe?consumer=books", 1, { "last-event-id": "3" });
  expect(resumed).toMatchObject([{ id: "3" }]);

  const replay = { generation: "0", afterPosition: "1", reason: "a rate was wrong" };
  const { body } = await gateway.send(`POST ${consumers}/books:replay`, { body: replay });
  expect(body.consumer).toMatchObject({ position: "1", generation: "1", replayReason: "a rate was wrong" });
  expect((await commit({ position: "3", generation: "0" })).body).toMatchObject({
    status: 409,
    reason: "CONSUMER_REPLAYED",
  });
  expect((await gateway.send(`GET ${consumers}`)).body.consumers).toMatchObject([{ name: "books", lagEvents: "2" }]);
  expect((await gateway.send("GET /v1/feeds/payment/consumers")).body.consumers).toEqual([]);
  expect((await gateway.send(`DELETE ${consumers}/books`)).status).toBe(200);
  expect((await gateway.send(`GET ${consumers}/books`)).status).toBe(404);
});
