import { createClient } from "@connectrpc/connect";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { expect, test } from "vitest";
import { failureOf } from "../../rpc/failure.ts";
import { feedTransport } from "./feed-transport.ts";

type Asked = { url: string; method: string | undefined; body: unknown; authorization: string | null };

function shop(status: number, answer: unknown) {
  const asked: Asked[] = [];
  const fetchIt = async (url: string | URL | Request, init?: RequestInit) => {
    const body = typeof init?.body === "string" ? JSON.parse(init.body) : undefined;
    asked.push({
      url: String(url),
      method: init?.method,
      body,
      authorization: new Headers(init?.headers).get("authorization"),
    });
    return Response.json(answer, { status });
  };
  const transport = feedTransport("payment", { accessToken: async () => "token" }, fetchIt);
  return { asked, consumers: createClient(ConsumerService, transport), events: createClient(EventService, transport) };
}

test("the consumers of a feed are read at its own path, as the person who is signed in", async () => {
  const { asked, consumers } = shop(200, {
    consumers: [{ name: "order", lagEvents: "3" }],
    nextPageToken: "n",
    later: 1,
  });
  const answer = await consumers.listConsumers({ pageSize: 2, pageToken: "a b" });
  expect(answer).toMatchObject({ consumers: [{ name: "order", lagEvents: 3n }], nextPageToken: "n" });
  expect(asked).toEqual([
    {
      url: "/v1/feeds/payment/consumers?pageSize=2&pageToken=a+b",
      method: "GET",
      body: undefined,
      authorization: "Bearer token",
    },
  ]);
});

test("a replay is a POST with the target and the reason", async () => {
  const { asked, consumers } = shop(200, { consumer: { name: "order", generation: "2" } });
  const target = { case: "afterPosition", value: 7n } as const;
  const answer = await consumers.replayConsumer({ name: "order", generation: 1n, target, reason: "again" });
  expect(answer.consumer?.generation).toBe(2n);
  expect(asked).toMatchObject([
    {
      url: "/v1/feeds/payment/consumers/order:replay",
      method: "POST",
      body: { generation: "1", afterPosition: "7", reason: "again" },
    },
  ]);
});

test("events are read from a position on, by type", async () => {
  const { asked, events } = shop(200, { events: [], nextPosition: "9" });
  expect((await events.readEvents({ afterPosition: 5n, types: ["a", "b"] })).nextPosition).toBe(9n);
  expect(asked[0]?.url).toBe("/v1/feeds/payment/events?afterPosition=5&types=a&types=b");
});

test.each([
  [
    409,
    { title: "ABORTED", detail: "replayed", reason: "CONSUMER_REPLAYED", metadata: { name: "order" } },
    "CONSUMER_REPLAYED",
    "replayed",
  ],
  [403, { title: "PERMISSION_DENIED", detail: "no", reason: "ROLE_REQUIRED" }, "ROLE_REQUIRED", "no"],
  [502, undefined, "", "the shop answered 502"],
])("an answer of %d is the failure that it tells of", async (status, problem, reason, message) => {
  const { consumers } = shop(status, problem ?? null);
  const error: unknown = await consumers.listConsumers({}).catch((thrown: unknown) => thrown);
  expect(failureOf(error)).toMatchObject({ reason, message });
});

test.each([
  ["is renewed once, and the call repeated", "newer", 200, ["Bearer old", "Bearer newer"]],
  ["that cannot be renewed is told of", undefined, 401, ["Bearer old"]],
])("a token that is refused %s", async (_what, newer, status, tokens) => {
  const asked: (string | null)[] = [];
  const fetchIt = async (_url: string | URL | Request, init?: RequestInit) => {
    const token = new Headers(init?.headers).get("authorization");
    asked.push(token);
    return Response.json({}, { status: token === "Bearer newer" ? 200 : 401 });
  };
  const session = { accessToken: async ({ not }: { not?: string } = {}) => (not === "old" ? newer : "old") };
  const consumers = createClient(ConsumerService, feedTransport("payment", session, fetchIt));
  const outcome = await consumers.listConsumers({}).then(
    () => 200,
    () => 401,
  );
  expect(outcome).toBe(status);
  expect(asked).toEqual(tokens);
});
