import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProcess } from "@sagacart/chassis/testing/process";
import { startWebhookEntrance } from "@sagacart/provider/testing/webhook-entrance";
import { isWebhookSigned } from "@sagacart/provider/webhook-signature";
import { expect, test } from "vitest";
import { startTestProvider } from "../../testing/card-provider.ts";
import { createHttpCardProvider } from "../http-card-provider.ts";

const secrets = { API_KEY: "key", WEBHOOK_SECRET: "secret" };

function someTime() {
  return AbortSignal.timeout(10_000);
}

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

  expect((await call("PUT", "/refunds/r", refund)).body).toEqual({ status: "succeeded", id: "re_0000000001" });
  expect((await call("PUT", "/refunds/r", refund)).body).toEqual({ status: "succeeded", id: "re_0000000001" });
  expect((await call("PUT", "/refunds/other", refund)).body).toEqual({
    status: "refused",
    reason: "more_than_charged",
  });
  expect((await call("PUT", "/refunds/r", { ...refund, amountMinor: "1" })).status).toBe(422);
  expect((await provider.get("k"))?.refundedMinor).toBe("60");
});

test("a charge is read with what is left of it, also after the merchant paid back at the provider", async () => {
  await using provider = await startTestProvider("http://127.0.0.1:1/");
  const call = client(provider.url);
  await call("PUT", "/charges/k", charge());
  await call("PUT", "/refunds/r", { charge: "k", currency: "USD", amountMinor: "10" });

  const outside = { key: "r", charge: "k", amountMinor: 40n };
  expect(await provider.refundOutside(outside)).toEqual({ status: "succeeded", id: "re_0000000002" });
  expect(await provider.refundOutside(outside)).toEqual({ status: "succeeded", id: "re_0000000002" });
  expect(await provider.refundOutside({ ...outside, key: "more", amountMinor: 51n })).toEqual({
    status: "refused",
    reason: "more_than_charged",
  });

  const reading = await createHttpCardProvider({ url: provider.url, apiKey: "provider-key" }).read("k", someTime());
  expect(reading).toEqual({
    kind: "captured",
    chargeId: "ch_0000000001",
    amountMinor: 100n,
    leftMinor: 50n,
    refunds: [
      { id: "re_0000000001", key: "r", amountMinor: 10n, kind: "succeeded" },
      { id: "re_0000000002", key: "", amountMinor: 40n, kind: "succeeded" },
    ],
  });
});

test("a charge that is not captured is read as it is", async () => {
  await using provider = await startTestProvider("http://127.0.0.1:1/");
  const { charge, cancel, read } = createHttpCardProvider({ url: provider.url, apiKey: "provider-key" });
  const content = { customerId: "ada", currency: "USD", amountMinor: 100n };
  await charge("declined", { ...content, paymentMethod: "pm_declined" }, someTime());
  await charge("late", { ...content, paymentMethod: "pm_late" }, someTime());
  await cancel("cancelled", someTime());

  expect(await read("none", someTime())).toEqual({ kind: "unknown" });
  expect(await read("declined", someTime())).toEqual({ kind: "declined", reason: "card_declined" });
  expect(await read("late", someTime())).toEqual({ kind: "pending" });
  expect(await read("cancelled", someTime())).toEqual({ kind: "cancelled" });
});

test("the merchant's refund is told to the shop by webhook, as often and as late as the merchant says", async () => {
  await using entrance = await startWebhookEntrance("card");
  await using provider = await startTestProvider(entrance.url);
  const bodies: Record<string, unknown>[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  entrance.open({
    async receiveWebhook({ body }) {
      if (bodies.push(JSON.parse(Buffer.from(body).toString())) === 3) {
        resolve();
      }
    },
  });
  await client(provider.url)("PUT", "/charges/k", charge());

  await provider.refundOutside({ key: "late", charge: "k", amountMinor: 30n }, { delayMs: 200 });
  await provider.refundOutside({ key: "twice", charge: "k", amountMinor: 10n }, { webhooks: 2 });
  await promise;

  const refunded = { key: "k", chargeId: "ch_0000000001", currency: "USD" };
  const twice = { ...refunded, refundId: "re_0000000002", amountMinor: "10", refundedMinor: "40" };
  const late = { ...refunded, refundId: "re_0000000001", amountMinor: "30", refundedMinor: "30" };
  expect(bodies.map(({ type, data }) => ({ type, data }))).toEqual(
    [twice, twice, late].map((data) => ({ type: "charge.refunded", data })),
  );
  expect(bodies[0]?.id).toBe(bodies[1]?.id);
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
      const isSigned = isWebhookSigned(body, signature, ["provider-secret"], new Date());
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
