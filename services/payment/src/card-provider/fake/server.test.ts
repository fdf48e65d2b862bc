import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProcess } from "@sagacart/chassis/testing/process";
import { startWebhookEntrance } from "@sagacart/provider/testing/webhook-entrance";
import { isWebhookSigned } from "@sagacart/provider/webhook-signature";
import { expect, test } from "vitest";
import { startTestProvider } from "../../testing/card-provider.ts";

const secrets = { API_KEY: "key", WEBHOOK_SECRET: "secret" };

function client(url: string, apiKey = "provider-key") {
  return async (method: string, path: string, body?: object) => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${apiKey}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
}

const charge = (paymentMethod = "pm_ok", amountMinor = "100") => ({ paymentMethod, currency: "USD", amountMinor });

test("a charge is made once for its key; other content is refused", async () => {
  await using provider = await startTestProvider("http://127.0.0.1:1/");
  const call = client(provider.url);

  const first = await call("PUT", "/charges/k", charge());

  expect(first).toEqual({ status: 200, body: { status: "captured", chargeId: "ch_0000000001" } });
  expect(await call("PUT", "/charges/k", charge())).toEqual(first);
  expect((await call("PUT", "/charges/k", charge("pm_ok", "101"))).status).toBe(422);
  expect((await call("GET", "/totals")).body).toEqual({
    totals: [{ currency: "USD", charges: 1, capturedMinor: "100", refundedMinor: "0" }],
  });
});

test("a charge that was cancelled before it came is not made", async () => {
  await using provider = await startTestProvider("http://127.0.0.1:1/");
  const call = client(provider.url);

  expect((await call("DELETE", "/charges/k")).body).toEqual({ status: "cancelled" });
  expect(await call("PUT", "/charges/k", charge())).toEqual({ status: 409, body: { status: "cancelled" } });
});

test("a charge that is made stays made when it is cancelled", async () => {
  await using provider = await startTestProvider("http://127.0.0.1:1/");
  const call = client(provider.url);
  await call("PUT", "/charges/k", charge());

  expect((await call("DELETE", "/charges/k")).body.status).toBe("captured");
});

test("a refund is paid once for its key, and never more than was charged", async () => {
  await using provider = await startTestProvider("http://127.0.0.1:1/");
  const call = client(provider.url);
  await call("PUT", "/charges/k", charge());
  const refund = { charge: "k", currency: "USD", amountMinor: "60" };

  expect((await call("PUT", "/refunds/r", refund)).body).toEqual({ status: "succeeded" });
  expect((await call("PUT", "/refunds/r", refund)).body).toEqual({ status: "succeeded" });
  expect((await call("PUT", "/refunds/other", refund)).body).toEqual({
    status: "refused",
    reason: "more_than_charged",
  });
  expect((await call("PUT", "/refunds/r", { ...refund, amountMinor: "1" })).status).toBe(422);
  expect((await provider.get("k"))?.refundedMinor).toBe("60");
});

test("a request with a wrong API key is refused", async () => {
  await using provider = await startTestProvider("http://127.0.0.1:1/");

  expect((await client(provider.url, "guess")("PUT", "/charges/k", charge())).status).toBe(401);
  expect(await provider.list()).toEqual([]);
});

test.each([
  ["no body", undefined],
  ["no amount", { paymentMethod: "pm_ok", currency: "USD" }],
  ["half a cent", charge("pm_ok", "0.5")],
  ["less than nothing", charge("pm_ok", "-1")],
  ["no currency", { ...charge(), currency: "dollars" }],
])("a charge with %s is refused", async (_, body) => {
  await using provider = await startTestProvider("http://127.0.0.1:1/");

  expect((await client(provider.url)("PUT", "/charges/k", body)).status).toBe(400);
});

test("pm_down is unavailable three times for each key, and then charged", async () => {
  await using provider = await startTestProvider("http://127.0.0.1:1/");
  const call = client(provider.url);
  const statuses = [];
  for (let tries = 0; tries < 4; tries++) {
    statuses.push((await call("PUT", "/charges/k", charge("pm_down"))).status);
  }

  expect(statuses).toEqual([503, 503, 503, 200]);
  expect((await call("PUT", "/charges/other", charge("pm_down"))).status).toBe(503);
});

test("a webhook is signed, and is sent again until it is taken", async () => {
  await using entrance = await startWebhookEntrance("card");
  await using provider = await startTestProvider(entrance.url);
  const seen: { body: string; isSigned: boolean }[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  entrance.open({
    async receiveWebhook({ body = new Uint8Array(), signature = "" }) {
      const isSigned = isWebhookSigned(body, signature, "provider-secret", new Date());
      seen.push({ body: Buffer.from(body).toString(), isSigned });
      if (seen.length < 3) {
        throw new Error("not now");
      }
      resolve();
      return { $typeName: "sagacart.payment.v1.ReceiveWebhookResponse" };
    },
  });

  await client(provider.url)("PUT", "/charges/k", charge("pm_late"));
  await promise;

  expect(seen.map(({ isSigned }) => isSigned)).toEqual([true, true, true]);
  expect(new Set(seen.map(({ body }) => body)).size).toBe(1);
  expect(JSON.parse(seen[0]!.body)).toEqual({
    id: expect.stringMatching(/^evt_/),
    type: "charge.captured",
    data: { key: "k", chargeId: "ch_0000000001" },
  });
});

test("a fake that is killed and started again has kept its state", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sagacart-provider-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(directory, { recursive: true }));
  const env = { ...secrets, STATE_FILE: join(directory, "state.db"), WEBHOOK_URL: "http://127.0.0.1:1/" };
  const first = stack.use(await startProcess(new URL("./main.ts", import.meta.url), env));
  await client(first.ready.url!, "key")("PUT", "/charges/k", charge());
  await client(first.ready.url!, "key")("PUT", "/refunds/r", { charge: "k", currency: "USD", amountMinor: "5" });
  await first.kill();

  const second = stack.use(await startProcess(new URL("./main.ts", import.meta.url), env));

  expect((await client(second.ready.url!, "key")("GET", "/totals")).body).toEqual({
    totals: [{ currency: "USD", charges: 1, capturedMinor: "100", refundedMinor: "5" }],
  });
});
