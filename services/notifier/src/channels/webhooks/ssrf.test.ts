import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import type { TestDatabase } from "@sagacart/chassis/testing/database";
import { startDns } from "@sagacart/chassis/testing/dns-server";
import { expect, onTestFinished, test } from "vitest";
import { startReceiver } from "./testing/receiver.ts";
import { eventsOf, type Feed, register, startFeed, startSender, webhookDatabase } from "./testing/shop.ts";

// Each test has its own feed: an endpoint also gets events that were not read when it was registered.
let feed: Feed;
let database: TestDatabase;

/** Disposed of at the end of each test, in reverse order. */
function use<T extends AsyncDisposable>(resource: T): T {
  onTestFinished(() => resource[Symbol.asyncDispose]());
  return resource;
}

/** Starts webhooks with the default configuration, or with these variables. */
async function startStrict(env: Record<string, string> = {}) {
  feed = use(await startFeed());
  database = use(await webhookDatabase());
  const nothingAllowed = { WEBHOOK_ALLOW_HTTP: "", WEBHOOK_ALLOW_NETWORKS: "" };
  return use(await startSender({ feed, database, env: { ...nothingAllowed, ...env } }));
}

test("an endpoint cannot be registered at, or changed to, a refused URL", async () => {
  const { client } = await startStrict({ WEBHOOK_ALLOW_NETWORKS: "127.0.0.2/32" });
  const good = await client.createWebhookEndpoint({ endpoint: { url: "https://127.0.0.2/", eventTypes: ["*"] } });
  const urls = [
    "http://1.1.1.1/",
    "ftp://1.1.1.1/",
    "https://user@1.1.1.1/",
    "https://user:password@1.1.1.1/",
    "https://localhost/",
    "https://localhost./",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://[::1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://168.63.129.16/",
    "https://100.100.100.200/",
    "https://[fd00:ec2::254]/",
    "https://[fd20:ce::254]/",
    "https://10.0.0.1/",
    "https://0/",
    "https://nobody.invalid/",
  ];
  const refused = { code: Code.InvalidArgument, reason: "WEBHOOK_URL_REFUSED" };

  for (const url of urls) {
    const created = client.createWebhookEndpoint({ endpoint: { url, eventTypes: ["*"] } });
    expect(errorInfo(await created.catch((error) => error)), url).toMatchObject(refused);
    const moved = client.updateWebhookEndpoint({ endpoint: { id: good.endpoint!.id, url } });
    expect(errorInfo(await moved.catch((error) => error)), url).toMatchObject(refused);
  }
});

test("a name that was public when registered and is private when sent to gets nothing", async () => {
  await using dns = await startDns("hooks.example.com", ["127.0.0.1"]);
  await using receiver = await startReceiver();
  // One loopback address is allowed here, in place of public ones.
  const sender = await startStrict({
    WEBHOOK_ALLOW_HTTP: "true",
    WEBHOOK_ALLOW_NETWORKS: "127.0.0.2/32",
    WEBHOOK_DNS_SERVERS: `127.0.0.1:${dns.port}`,
    WEBHOOK_CIRCUIT_FAILURES: "1000",
  });
  dns.addresses = ["127.0.0.2"];
  const url = `http://hooks.example.com:${receiver.port}/`;
  const endpointId = await register(sender, receiver, { url });
  // One public address among private ones is refused, too.
  dns.addresses = ["127.0.0.2", "127.0.0.1"];
  await feed.publish(eventsOf(["rebinding"], 1));

  const list = async () => (await sender.client.listWebhookDeliveries({ endpointId })).deliveries;
  await expect.poll(async () => (await list())[0]?.attemptCount ?? 0).toBeGreaterThanOrEqual(2);
  expect((await list())[0]?.lastError).toBe("hooks.example.com is at 127.0.0.1, which is not a public address");
  const { attempt } = await sender.client.testWebhookEndpoint({ endpointId });
  expect(attempt).toMatchObject({ status: 0, error: expect.stringContaining("which is not a public address") });
  expect(receiver.received).toEqual([]);
});

test("the connection goes to the checked address, with the host's name in its header", async () => {
  await using dns = await startDns("hooks.example.com", ["127.0.0.1"]);
  await using receiver = await startReceiver();
  const env = { WEBHOOK_ALLOW_HTTP: "true", WEBHOOK_ALLOW_NETWORKS: "127.0.0.1/32" };
  const sender = await startStrict({ ...env, WEBHOOK_DNS_SERVERS: `127.0.0.1:${dns.port}` });
  const endpointId = await register(sender, receiver, { url: `http://hooks.example.com:${receiver.port}/` });

  expect(await sender.client.testWebhookEndpoint({ endpointId })).toMatchObject({ delivered: true });
  expect(receiver.received[0]?.headers.host).toBe(`hooks.example.com:${receiver.port}`);
});

test("an address that is no longer allowed gets nothing, though it was allowed when registered", async () => {
  await using receiver = await startReceiver();
  const before = await startStrict({ WEBHOOK_ALLOW_HTTP: "true", WEBHOOK_ALLOW_NETWORKS: "127.0.0.0/8" });
  const endpointId = await register(before, receiver);
  const after = use(await startSender({ feed, database, env: { WEBHOOK_ALLOW_NETWORKS: "10.0.0.0/8" } }));

  const { attempt } = await after.client.testWebhookEndpoint({ endpointId });

  expect(attempt).toMatchObject({ status: 0, error: "127.0.0.1 is not a public address" });
  expect(receiver.received).toEqual([]);
});

test("a redirect is not followed", async () => {
  await using inside = await startReceiver();
  await using receiver = await startReceiver();
  receiver.reply = () => ({ status: 307, headers: { location: inside.url } });
  const sender = await startStrict({ WEBHOOK_ALLOW_HTTP: "true", WEBHOOK_ALLOW_NETWORKS: "127.0.0.0/8" });
  const endpointId = await register(sender, receiver);

  const { attempt, delivered } = await sender.client.testWebhookEndpoint({ endpointId });

  expect(attempt).toMatchObject({ status: 307, error: "answered 307; redirects are not followed" });
  expect(delivered).toBe(false);
  expect([inside.received.length, inside.forged]).toEqual([0, 0]);
});
