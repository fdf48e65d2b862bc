import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDns } from "@sagacart/chassis/testing/dns-server";
import { generate } from "selfsigned";
import { expect, test } from "vitest";
import { startReceiver } from "./testing/receiver.ts";
import { eventsOf, register, startFeed, startSender, webhookDatabase } from "./testing/shop.ts";

test("over TLS an endpoint needs a certificate for its host from a trusted CA", async () => {
  const authority = await generate([{ name: "commonName", value: "Authority" }], {
    extensions: [{ name: "basicConstraints", cA: true, critical: true }],
  });
  const { private: key, cert } = await generate([{ name: "commonName", value: "hooks.example.com" }], {
    ca: { key: authority.private, cert: authority.cert },
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "hooks.example.com" }] }],
  });
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "webhooks-"));
  stack.defer(() => rm(directory, { recursive: true }));
  const caFile = join(directory, "ca.pem");
  await writeFile(caFile, authority.cert);
  const dns = stack.use(await startDns("hooks.example.com", ["127.0.0.1"]));
  const receiver = stack.use(await startReceiver({ tls: { key, cert } }));
  const feed = stack.use(await startFeed());
  const env = { WEBHOOK_ALLOW_HTTP: "", WEBHOOK_DNS_SERVERS: `127.0.0.1:${dns.port}` };
  const stranger = stack.use(await startSender({ feed, database: stack.use(await webhookDatabase()), env }));
  const trusting = stack.use(
    await startSender({ feed, database: stack.use(await webhookDatabase()), env: { ...env, WEBHOOK_CA_FILE: caFile } }),
  );
  const url = `https://hooks.example.com:${receiver.port}/`;

  const distrusted = await register(stranger, receiver, { url });
  expect((await stranger.client.testWebhookEndpoint({ endpointId: distrusted })).attempt).toMatchObject({
    status: 0,
    error: expect.stringContaining("certificate"),
  });
  const misnamed = await register(trusting, receiver, { url: `https://127.0.0.1:${receiver.port}/` });
  expect((await trusting.client.testWebhookEndpoint({ endpointId: misnamed })).attempt).toMatchObject({
    status: 0,
    error: expect.stringContaining("does not match certificate's altnames"),
  });
  await trusting.client.deleteWebhookEndpoint({ id: misnamed });
  await register(trusting, receiver, { url });
  await feed.publish(eventsOf(["over-tls"]));
  await expect.poll(() => receiver.accepted.length).toBe(5);
});
