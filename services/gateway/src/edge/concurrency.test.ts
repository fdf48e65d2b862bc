import { connect } from "node:http2";
import { connect as connectTcp } from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { errorInfo } from "@sagacart/chassis/errors";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
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
      concurrency: {
        requestsPerCaller: 3,
        requests: 5,
        streamsPerCaller: 2,
        streams: 3,
        bodyBytesPerCaller: 100_000,
        bodyBytes: 150_000,
      },
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
    expect(errorInfo(error)).toMatchObject({ reason: "TOO_MANY_REQUESTS", domain: "gateway.sagacart" });
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

describe("the bytes of request bodies", () => {
  const size = 60_000;
  const path = "/v1/carts";

  /** Sends the head of a request that announces a body, and resolves with the first line of the answer, or when it is cut. */
  function announce(headers: Record<string, string>, length: number) {
    const socket = connectTcp(gateway.port, "127.0.0.1");
    const lines = Object.entries({
      host: "shop",
      "content-type": "application/json",
      "content-length": length,
      ...headers,
    });
    socket.write(`POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}`).join("\r\n")}\r\n\r\n{`);
    const answer = new Promise<string>((resolve) => {
      socket.once("data", (chunk) => resolve(String(chunk)));
      socket.once("close", () => resolve("cut"));
      socket.once("error", () => resolve("cut"));
    });
    return { answer, leave: () => socket.destroy() };
  }

  /** Resolves once the gateway counts this many bytes. */
  async function counts(bytes: number) {
    await expect
      .poll(
        async () => /^http_server_body_bytes(?:\{.*\})? (\d+)$/m.exec((await gateway.send("GET /metrics")).body)?.[1],
        {
          timeout: 30_000,
        },
      )
      .toBe(String(bytes));
  }

  test("an announced body above a caller's limit is 429 before it is read, and others have their own", async () => {
    const [ada, bob] = [await bearer("ada"), await bearer("bob")];
    const first = announce(ada, size);
    await counts(size);

    const second = announce(ada, size);
    const answer = await second.answer;
    expect(answer).toMatch(/^HTTP\/1.1 429 /);
    expect(answer.toLowerCase()).toContain("retry-after: 1");
    expect(answer).toContain("more than 100000 bytes of request bodies of one caller");
    const third = announce(bob, size);
    await counts(2 * size);
    // 120,000 of 150,000 are there, of all callers.
    expect(await announce(await bearer("eve"), size).answer).toContain("of all callers together");

    for (const { leave } of [first, second, third]) {
      leave();
    }
    await counts(0);
  });

  test.each([
    ["chunks of HTTP/1.1", overHttp1],
    ["frames of HTTP/2", overHttp2],
  ])("a body of unknown length, in %s, is cut off when it grows above the limit", async (_, send) => {
    const ada = await bearer("ada");
    const first = announce(ada, size);
    await counts(size);

    expect(await send(ada, 2 * size)).toBe("cut");
    await counts(size);

    first.leave();
    await counts(0);
  });

  const envelope = Buffer.from([0, 0, 1, 0x11, 0x70]);
  const message = Buffer.concat([envelope, Buffer.alloc(0x11170, "x")]);
  const signIn = "/sagacart.identity.v1.IdentityService/SignIn";

  test.each([
    ["gRPC", signIn, "application/grpc"],
    ["gRPC-Web", signIn, "application/grpc-web+proto"],
    ["Connect", signIn, "application/json"],
    ["Connect's streams", "/sagacart.order.v1.OrderService/WatchOrder", "application/connect+json"],
    ["a method that is not served", "/sagacart.order.v1.SagaService/BatchBegin", "application/grpc"],
    ["REST", "/v1/sessions", "application/json"],
    ["what is passed on", "/oidc/token", "application/x-www-form-urlencoded"],
    ["a path that is not there", "/nowhere", "application/json"],
  ])("of a request that is refused before its body is read, over HTTP/2, are given back: %s", async (_, to, type) => {
    const sessions = [connect(gateway.url), connect(gateway.url)] as const;
    const headers = { ":method": "POST", ":path": to, "content-type": type, te: "trailers" };
    const [first] = sessions.map((session) => {
      const stream = session.on("error", () => {}).request(headers);
      stream.on("error", () => {}).resume();
      stream.end(message);
      return stream;
    });
    await new Promise<void>((resolve) => first?.once("close", () => resolve()));
    // One connection stays, the other one is cut off.
    sessions[1].destroy();

    await counts(0);
    sessions[0].destroy();
  });

  function overHttp1(headers: Record<string, string>, bytes: number): Promise<string> {
    const socket = connectTcp(gateway.port, "127.0.0.1");
    const lines = Object.entries({
      host: "shop",
      "content-type": "application/json",
      "transfer-encoding": "chunked",
      ...headers,
    });
    socket.write(`POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}`).join("\r\n")}\r\n\r\n`);
    socket.write(`${bytes.toString(16)}\r\n${"[".repeat(bytes)}\r\n`);
    return new Promise((resolve) => {
      socket.once("data", (chunk) => resolve(String(chunk)));
      socket.once("close", () => resolve("cut"));
      socket.on("error", () => {});
    });
  }

  function overHttp2(headers: Record<string, string>, bytes: number): Promise<string> {
    const session = connect(gateway.url);
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/json",
      ...headers,
    });
    stream.write("[".repeat(bytes));
    return new Promise<string>((resolve) => {
      stream.once("response", (head) => resolve(String(head[":status"])));
      stream.once("close", () => resolve("cut"));
      stream.on("error", () => {});
    }).finally(() => session.destroy());
  }
});
