import { createClient } from "@connectrpc/connect";
import { Health as HealthService } from "@sagacart/proto/grpc/health/v1/health";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createServiceClient, openChannel } from "../client/client.ts";
import { errorInfo } from "../errors.ts";
import { createPool } from "../postgres/pool.ts";
import { type TestDatabase, testDatabase } from "../testing/database.ts";
import { inMemory } from "../testing/in-memory.ts";
import { silentLog } from "../testing/log.ts";
import { proxyUrl } from "../testing/proxy.ts";
import { startEcho } from "../testing/test-server.ts";
import { type Health, health } from "./health.ts";

const serving = 1;
const notServing = 2;
const unknown = 3;

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});

afterAll(() => database[Symbol.asyncDispose]());

test("Watch follows the database down and up", async () => {
  const { proxy, url } = await proxyUrl(database.url);
  await using _ = proxy;
  const pool = createPool({ url, size: 1, applicationName: "test", log: silentLog });
  const check = () => pool.query("select 1");
  await using state = health({ check, intervalMs: 10, log: silentLog });
  const statuses = watch(state, "shop.v1.ShopService");

  // It may be looked at before the first check has succeeded.
  await reaches(statuses, serving);
  await proxy.cut();
  await reaches(statuses, notServing);
  await proxy.mend();
  await reaches(statuses, serving);
  await pool.end();
});

test("a check that hangs counts as failed", async () => {
  let hangs = false;
  const check = () => (hangs ? new Promise(() => {}) : Promise.resolve());
  await using state = health({ check, limitMs: 20, intervalMs: 1, log: silentLog });
  const statuses = watch(state, "");
  await reaches(statuses, serving);

  hangs = true;

  await reaches(statuses, notServing);
});

test("once it drains it never serves again, and watchers get NOT_SERVING", async () => {
  await using state = health({ check: async () => {}, intervalMs: 1, log: silentLog });
  const statuses = watch(state, "");
  await reaches(statuses, serving);

  state.setDraining();

  await reaches(statuses, notServing);
  expect(state.isServing()).toBe(false);
});

test("without its database it is alive, but not serving", async () => {
  const check = async () => {
    throw new Error("the database is away");
  };
  await using state = health({ check, intervalMs: 1, log: silentLog });
  const client = clientOf(state);

  expect(await client.check({})).toMatchObject({ status: notServing });
  expect(await client.check({ service: "alive" })).toMatchObject({ status: serving });
});

test("Check and List answer for the server and for each service", async () => {
  await using state = await healthy();
  const client = clientOf(state);

  expect(await client.check({})).toMatchObject({ status: serving });
  expect(await client.check({ service: "shop.v1.ShopService" })).toMatchObject({ status: serving });
  expect((await client.list({})).statuses).toMatchObject({
    "": { status: serving },
    "shop.v1.ShopService": { status: serving },
  });
});

test("an unknown service is NOT_FOUND to Check, and SERVICE_UNKNOWN to Watch", async () => {
  await using state = await healthy();

  const error = await clientOf(state).check({ service: "other.v1.OtherService" }).catch(errorInfo);

  expect(error).toMatchObject({ reason: "NOT_FOUND", message: "there is no service other.v1.OtherService here" });
  expect((await watch(state, "other.v1.OtherService").next()).value).toBe(unknown);
});

test("health reports each service of a server, and /ready agrees", async () => {
  await using echo = await startEcho({});
  using channel = openChannel(echo.address);
  const client = createServiceClient(HealthService, channel);
  const statuses = client.watch({ service: "sagacart.chassis.test.v1.EchoService" })[Symbol.asyncIterator]();
  await statuses.next();
  const ready = () => fetch(`http://127.0.0.1:${echo.server.adminPort}/ready`);

  expect((await ready()).status).toBe(200);
  echo.health.setDraining();

  expect((await statuses.next()).value).toMatchObject({ status: notServing });
  expect((await ready()).status).toBe(503);
});

async function healthy(): Promise<Health> {
  const state = health({ check: async () => {}, intervalMs: 1_000, log: silentLog });
  await reaches(watch(state, ""), serving);
  return state;
}

function clientOf(state: Health) {
  return createClient(
    HealthService,
    inMemory((router) => state.serve(router, ["shop.v1.ShopService"]), "shop.sagacart"),
  );
}

async function* watch(state: Health, service: string): AsyncGenerator<number> {
  for await (const { status } of clientOf(state).watch({ service })) {
    yield status;
  }
}

async function reaches(statuses: AsyncGenerator<number>, status: number): Promise<void> {
  for (;;) {
    const { value, done } = await statuses.next();
    if (done === true) {
      throw new Error("the watch ended");
    }
    if (value === status) {
      return;
    }
  }
}
