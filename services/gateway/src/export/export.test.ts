import { Code, ConnectError } from "@connectrpc/connect";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";

const cleanup = new AsyncDisposableStack();
let issuer: TestIssuer;
let identity: StandIn;
let order: StandIn;
let others: StandIn;
let gateway: TestGateway;

beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  identity = cleanup.use(await startStandIn());
  order = cleanup.use(await startStandIn());
  others = cleanup.use(await startStandIn());
  gateway = cleanup.use(
    await startTestGateway(others.address, {
      verifier: issuer.verifier(),
      addresses: { identity: identity.address, order: order.address },
    }),
  );
});
afterAll(() => cleanup.disposeAsync());
beforeEach(() => {
  for (const standIn of [identity, order, others]) {
    standIn.asked.length = 0;
    standIn.answer("ExportPersonalData", () => ({}));
  }
});

const record = (section: string, data: object) => ({ section, data: JSON.stringify(data) });

test("an export has the records of all services, by section, over pages that split them", async () => {
  identity.answer("ExportPersonalData", () => ({
    records: [record("profile", { id: "ada", email: "ada@mail.test" })],
  }));
  order.answer("ExportPersonalData", ({ pageToken }) =>
    pageToken === ""
      ? { records: [record("carts", { id: "c" }), record("orders", { id: "o-1" })], nextPageToken: "more" }
      : { records: [record("orders", { id: "o-2", totalMinor: 5 }), record("orderLines", { orderId: "o-1" })] },
  );
  const authorization = await issuer.bearer("ada", ["customer"]);

  const answer = await gateway.send("GET /v1/users/ada:export", { headers: { authorization } });

  expect(answer.status).toBe(200);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(answer.body).toEqual({
    customerId: "ada",
    exportTime: expect.stringMatching(/^\d{4}-.*Z$/),
    profile: [{ id: "ada", email: "ada@mail.test" }],
    carts: [{ id: "c" }],
    orders: [{ id: "o-1" }, { id: "o-2", totalMinor: 5 }],
    orderLines: [{ orderId: "o-1" }],
  });
  const asked = [identity, order, others].flatMap((standIn) => standIn.asked);
  // Every page is asked for with the caller's token.
  expect(asked.map(({ header }) => header.get("authorization"))).toEqual(Array(6).fill(authorization));
});

test("`me` is the caller", async () => {
  const authorization = await issuer.bearer("ada", ["customer"]);
  const answer = await gateway.send("GET /v1/users/me:export", { headers: { authorization } });
  expect(answer.body).toEqual({ customerId: "ada", exportTime: expect.any(String) });
  expect(identity.asked.map(({ request }) => request)).toEqual([{ customerId: "ada" }]);
});

test("a refusal by a service is a problem, and an export without a token is refused", async () => {
  order.answer("ExportPersonalData", () => {
    throw new ConnectError("not yours", Code.NotFound);
  });
  const authorization = await issuer.bearer("bob", ["customer"]);
  expect(await gateway.send("GET /v1/users/ada:export", { headers: { authorization } })).toMatchObject({ status: 404 });
  expect(await gateway.send("GET /v1/users/ada:export")).toMatchObject({ status: 401 });
});

test("an export that a failure ends half-way breaks off, and cannot be taken for a complete one", async () => {
  order.answer("ExportPersonalData", ({ pageToken }) => {
    if (pageToken === "") {
      return { records: [record("orders", { id: "o-1" })], nextPageToken: "more" };
    }
    throw new ConnectError("the database is away", Code.Internal);
  });
  const authorization = await issuer.bearer("ada", ["customer"]);
  const read = async () =>
    await (await fetch(`${gateway.url}/v1/users/ada:export`, { headers: { authorization } })).json();
  await expect(read()).rejects.toThrow();
});

test("a large export takes the memory of a few pages, also for a caller that reads slowly", async () => {
  const row = record("orders", { note: "x".repeat(10_000) });
  const pages = 200;
  let served = 0;
  order.answer("ExportPersonalData", () => {
    served++;
    return { records: Array(100).fill(row), ...(served < pages ? { nextPageToken: `${served}` } : {}) };
  });
  const authorization = await issuer.bearer("ada", ["customer"]);
  const response = await fetch(`${gateway.url}/v1/users/ada:export`, { headers: { authorization } });
  const reader = response.body!.getReader();
  let bytes = (await reader.read()).value?.length ?? 0;
  // What the sockets hold is all that was asked for while the caller does not read.
  let before = -1;
  await expect
    .poll(
      () => {
        const rests = before === served;
        before = served;
        return rests;
      },
      { interval: 300 },
    )
    .toBe(true);
  expect(served).toBeLessThan(pages / 2);
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    bytes += chunk.value.length;
  }
  expect(served).toBe(pages);
  expect(bytes).toBeGreaterThan(pages * 100 * 10_000);
});
