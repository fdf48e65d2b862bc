import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";

const cleanup = new AsyncDisposableStack();
let issuer: TestIssuer;
let standIn: StandIn;
let gateway: TestGateway;
let release: () => void;

beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  standIn = cleanup.use(await startStandIn());
  gateway = cleanup.use(
    await startTestGateway(standIn.address, {
      verifier: issuer.verifier(),
      concurrency: { requestsPerCaller: 3, requests: 5, streamsPerCaller: 2, streams: 3 },
    }),
  );
});
afterAll(() => cleanup.disposeAsync());

beforeEach(() => {
  const released = Promise.withResolvers<void>();
  release = released.resolve;
  standIn.answer("GetOrder", async ({ id }) => {
    await released.promise;
    return { order: { id } };
  });
  standIn.answer("ListProducts", () => ({}));
  standIn.answer("WatchOrder", async function* ({ id }, { signal }) {
    yield { order: { id, sequence: 1n } };
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });
});

async function bearer(subject: string, roles = ["customer"]): Promise<{ authorization: string }> {
  return { authorization: await issuer.bearer(subject, roles as never) };
}

/** Sends requests that wait in the service, and resolves once they are there. */
async function underWay(count: number, headers: Record<string, string>) {
  const before = standIn.asked.length;
  const answers = Array.from({ length: count }, () => gateway.send("GET /v1/orders/o-1", { headers }));
  await expect.poll(() => standIn.asked.length).toBe(before + count);
  return answers;
}

async function watch(headers: Record<string, string>) {
  const leaving = new AbortController();
  const answer = await fetch(`${gateway.url}/v1/orders/o-1:watch`, { headers, signal: leaving.signal });
  return { status: answer.status, leave: () => leaving.abort() };
}

test("a caller's requests above the limit are 429 with Retry-After, and others are served", async () => {
  const [ada, bob] = [await bearer("ada"), await bearer("bob")];
  const answers = await underWay(3, ada);

  const fourth = await gateway.send("GET /v1/orders/o-1", { headers: ada });
  expect(fourth.status).toBe(429);
  expect(fourth.body).toMatchObject({ reason: "TOO_MANY_REQUESTS", title: "RESOURCE_EXHAUSTED" });
  expect(Number(fourth.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await gateway.send("GET /v1/products", { headers: bob })).status).toBe(200);

  release();
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200]);
  await expect.poll(async () => (await gateway.send("GET /v1/products", { headers: ada })).status).toBe(200);
});

test("Connect and gRPC get RESOURCE_EXHAUSTED in their own protocol", async () => {
  const ada = await bearer("ada");
  const answers = await underWay(3, ada);
  for (const transport of [
    createConnectTransport({ baseUrl: gateway.url, httpVersion: "2" }),
    createConnectTransport({ baseUrl: gateway.url, httpVersion: "1.1" }),
    createGrpcTransport({ baseUrl: gateway.url }),
  ]) {
    const call = createClient(ProductService, transport).listProducts({}, { headers: ada });
    const error = ConnectError.from(await call.catch((failure) => failure));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.metadata.get("retry-after")).toBe("1");
  }
  release();
  await Promise.all(answers);
});

test("requests of all callers above their limit are 429", async () => {
  const answers = [...(await underWay(3, await bearer("ada"))), ...(await underWay(2, await bearer("bob")))];

  expect((await gateway.send("GET /v1/products")).status).toBe(429);
  release();
  await Promise.all(answers);
  await expect.poll(async () => (await gateway.send("GET /v1/products")).status).toBe(200);
});

test("event streams have a limit of their own, over all protocols together, and leave room when they end", async () => {
  const ada = await bearer("ada");
  const first = await watch(ada);
  const leaving = new AbortController();
  const client = createClient(OrderService, createGrpcTransport({ baseUrl: gateway.url }));
  const second = client.watchOrder({ id: "o-1" }, { headers: ada, signal: leaving.signal })[Symbol.asyncIterator]();
  await second.next();

  expect((await watch(ada)).status).toBe(429);
  expect((await gateway.send("GET /v1/products", { headers: ada })).status).toBe(200);
  const bobs = await watch(await bearer("bob"));
  expect(bobs.status).toBe(200);
  // Three are open, of all callers.
  expect((await watch(await bearer("eve"))).status).toBe(429);

  leaving.abort();
  await second.next().catch(() => {});
  await expect
    .poll(async () => {
      const again = await watch(ada);
      again.leave();
      return again.status;
    })
    .toBe(200);
  first.leave();
  bobs.leave();
});

test("callers without a token are counted by address", async () => {
  const released = Promise.withResolvers<void>();
  standIn.answer("ListProducts", () => released.promise.then(() => ({})));
  const before = standIn.asked.length;
  const answers = Array.from({ length: 3 }, () => gateway.send("GET /v1/products"));
  await expect.poll(() => standIn.asked.length).toBe(before + 3);

  expect((await gateway.send("GET /v1/products")).status).toBe(429);
  const adas = gateway.send("GET /v1/products", { headers: await bearer("ada") });
  await expect.poll(() => standIn.asked.length).toBe(before + 4);
  released.resolve();
  expect((await adas).status).toBe(200);
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200]);
});
