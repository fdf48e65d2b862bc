import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import type { WebhookDelivery_State } from "@sagacart/proto/notifier/v1/webhook";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startReceiver } from "./testing/receiver.ts";
import { type Sender, startFeed, startSender, webhookDatabase } from "./testing/shop.ts";

const stack = new AsyncDisposableStack();
let client: Sender["client"];
const url = "https://127.0.0.1:1/hook";
const endpoint = { url, eventTypes: ["sagacart.order.*"] };
beforeAll(async () => {
  const feed = stack.use(await startFeed());
  const database = stack.use(await webhookDatabase());
  ({ client } = stack.use(await startSender({ feed, database })));
});
afterAll(() => stack.disposeAsync());

async function failureOf(call: Promise<unknown>) {
  const { code, reason } = errorInfo(
    await call.then(
      () => new Error("it worked"),
      (error) => error,
    ),
  );
  return { code, reason };
}

async function codeOf(call: Promise<unknown>): Promise<Code | "ok"> {
  return await call.then(
    () => "ok" as const,
    (error) => errorInfo(error).code,
  );
}

test("the secret of an endpoint is shown when it is created, to a repeat as well, and never again", async () => {
  const request = { endpoint: { ...endpoint, id: "shown-once", description: "the warehouse" }, requestId: "shown" };
  const made = await client.createWebhookEndpoint(request);
  const repeated = await client.createWebhookEndpoint(request);
  const { endpoint: read } = await client.getWebhookEndpoint({ id: "shown-once" });

  expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(repeated).toEqual(made);
  expect(read).toMatchObject({ id: "shown-once", url, description: "the warehouse", enabled: true, etag: "1" });
  expect(JSON.stringify(read, (_, value) => (typeof value === "bigint" ? String(value) : value))).not.toContain(
    "whsec",
  );
  expect(await failureOf(client.createWebhookEndpoint({ ...request, endpoint: { ...endpoint, id: "other" } }))).toEqual(
    {
      code: Code.FailedPrecondition,
      reason: "REQUEST_ID_REUSED",
    },
  );
  expect(await failureOf(client.createWebhookEndpoint({ endpoint: { ...endpoint, id: "shown-once" } }))).toEqual({
    code: Code.AlreadyExists,
    reason: "WEBHOOK_ENDPOINT_EXISTS",
  });
});

test("a secret is replaced once per request id, and a repeat after another replacement returns none", async () => {
  await client.createWebhookEndpoint({ endpoint: { ...endpoint, id: "rotated" } });
  const request = { endpointId: "rotated", requestId: "rotate-1" };
  const first = await client.rotateWebhookSecret(request);

  expect(first.secret).toMatch(/^whsec_/);
  expect(first.previousExpireTime).toBeDefined();
  expect(await client.rotateWebhookSecret(request)).toEqual(first);
  const second = await client.rotateWebhookSecret({ endpointId: "rotated" });
  expect(second.secret).not.toBe(first.secret);
  expect((await client.rotateWebhookSecret(request)).secret).toBe("");
  expect(await failureOf(client.rotateWebhookSecret({ endpointId: "nobody" }))).toEqual({
    code: Code.NotFound,
    reason: "WEBHOOK_ENDPOINT_NOT_FOUND",
  });
});

test("a change checks its etag, and a repeated change has no further effect", async () => {
  await client.createWebhookEndpoint({ endpoint: { ...endpoint, id: "edited" } });
  const change = { endpoint: { id: "edited", etag: "1", description: "new", enabled: false } };

  const { endpoint: changed } = await client.updateWebhookEndpoint(change);
  expect(changed).toMatchObject({ description: "new", enabled: false, disabledReason: "by request", etag: "2", url });
  expect((await client.updateWebhookEndpoint(change)).endpoint).toEqual(changed);
  const stale = { endpoint: { id: "edited", etag: "1", description: "newer" } };
  expect(await failureOf(client.updateWebhookEndpoint(stale))).toEqual({ code: Code.Aborted, reason: "ETAG_MISMATCH" });
  expect(await failureOf(client.deleteWebhookEndpoint({ id: "edited", etag: "1" }))).toEqual({
    code: Code.Aborted,
    reason: "ETAG_MISMATCH",
  });
  const masked = (paths: string[]) =>
    client.updateWebhookEndpoint({ endpoint: { id: "edited" }, updateMask: { paths } });
  expect((await masked(["description", "enabled"])).endpoint).toMatchObject({ description: "", enabled: true });
  expect(await failureOf(masked(["secret"]))).toEqual({ code: Code.InvalidArgument, reason: "UNKNOWN_FIELD" });
  expect(await failureOf(masked(["url"]))).toEqual({ code: Code.InvalidArgument, reason: "EMPTY_FIELD" });
  await client.deleteWebhookEndpoint({ id: "edited" });
  await client.deleteWebhookEndpoint({ id: "edited" });
  expect(await failureOf(client.getWebhookEndpoint({ id: "edited" }))).toEqual({
    code: Code.NotFound,
    reason: "WEBHOOK_ENDPOINT_NOT_FOUND",
  });
});

test("endpoints are listed in pages", async () => {
  for (const id of ["page-1", "page-2", "page-3"]) {
    await client.createWebhookEndpoint({ endpoint: { ...endpoint, id } });
  }
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await client.listWebhookEndpoints({ pageSize: 2, pageToken });
    expect(page.endpoints.length).toBeLessThanOrEqual(2);
    seen.push(...page.endpoints.map(({ id }) => id));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");

  expect(seen).toEqual([...seen].sort());
  expect(seen).toEqual(expect.arrayContaining(["page-1", "page-2", "page-3"]));
  expect(new Set(seen).size).toBe(seen.length);
});

test("a test sends a signed ping that is not stored, also to a disabled endpoint", async () => {
  await using receiver = await startReceiver();
  receiver.reply = () => ({ status: 202, body: "pong" });
  const { secret } = await client.createWebhookEndpoint({
    endpoint: { ...endpoint, id: "pinged", url: receiver.url, enabled: false },
  });
  receiver.secret = secret;

  const answer = await client.testWebhookEndpoint({ endpointId: "pinged" });

  expect(answer).toMatchObject({ delivered: true, attempt: { number: 1, status: 202, error: "", answer: "pong" } });
  expect(receiver.received).toMatchObject([{ type: "sagacart.webhook.ping.v1", subject: "pinged" }]);
  expect((await client.listWebhookDeliveries({ endpointId: "pinged" })).deliveries).toEqual([]);
});

test.each(["", ".", "\0", "a\0b", "'; drop table webhook_endpoints; --", "%", "x".repeat(3_000)])(
  "%j anywhere is answered or refused, never an error of ours",
  async (text) => {
    const token = (list: string) => Buffer.from(JSON.stringify([list, text])).toString("base64url");
    const calls = [
      client.createWebhookEndpoint({ endpoint: { ...endpoint, id: text } }),
      client.createWebhookEndpoint({ endpoint: { ...endpoint, url: text } }),
      client.createWebhookEndpoint({ endpoint: { ...endpoint, eventTypes: [text] } }),
      client.createWebhookEndpoint({ endpoint: { ...endpoint, description: text } }),
      client.createWebhookEndpoint({ endpoint, requestId: text }),
      client.getWebhookEndpoint({ id: text }),
      client.updateWebhookEndpoint({ endpoint: { id: text, description: text } }),
      client.updateWebhookEndpoint({ endpoint: { id: "shown-once", etag: text, description: "x" } }),
      client.updateWebhookEndpoint({ endpoint: { id: "shown-once" }, updateMask: { paths: [text] } }),
      client.deleteWebhookEndpoint({ id: "nobody", etag: text }),
      client.rotateWebhookSecret({ endpointId: text }),
      client.testWebhookEndpoint({ endpointId: text }),
      client.listWebhookEndpoints({ pageToken: text }),
      client.listWebhookEndpoints({ pageToken: token("webhook endpoints") }),
      client.getWebhookDelivery({ id: text }),
      client.listWebhookDeliveries({ endpointId: text }),
      client.listWebhookDeliveries({ subject: text }),
      client.listWebhookDeliveries({ pageToken: token("webhooks to , , 0") }),
      client.listWebhookDeliveries({ state: 99 as WebhookDelivery_State }),
      client.resendWebhookDelivery({ id: text }),
      client.resendWebhookDeliveries({ endpointId: text }),
      client.resendWebhookDeliveries({ endpointId: "shown-once", since: { seconds: 10n ** 15n, nanos: 0 } }),
    ];
    for (const code of await Promise.all(calls.map(codeOf))) {
      expect(["ok", Code.InvalidArgument, Code.NotFound, Code.Aborted]).toContain(code);
    }
  },
);
