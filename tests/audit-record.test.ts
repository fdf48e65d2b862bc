import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Client } from "@connectrpc/connect";
import { createServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { silentLog } from "@sagacart/chassis/testing/log";
import { type Audit, Audit_State } from "@sagacart/proto/order/v1/audit";
import { AuditService } from "@sagacart/proto/order/v1/audit_service";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cloneFolder } from "../scripts/clone.ts";
import { auditedDatabases } from "../scripts/shop.ts";
import { operatorTokens } from "../scripts/stack/tokens.ts";
import { makeProduct } from "./support/scenario.ts";
import { startShop, type TestShop } from "./support/shop.ts";

// The audit's program as it runs on a laptop and in a cluster, against a shop of its own: what it records of its runs.

const cleanup = new AsyncDisposableStack();
let running: TestShop;
let audits: Client<typeof AuditService>;
beforeAll(async () => {
  running = cleanup.use(await startShop());
  const { addresses } = running.stack;
  const channel = cleanup.use(openChannel(addresses.order ?? "", { tokens: operatorTokens(addresses) }));
  audits = createServiceClient(AuditService, channel);
});
afterAll(() => cleanup.disposeAsync());

/** Starts the audit's program with the variables that a pod or the launcher gives it. */
function startAudit(env: Record<string, string> = {}) {
  const { stack } = running;
  const urls = auditedDatabases.map((name) => [`AUDIT_${name.toUpperCase()}_URL`, stack.auditUrl(name)]);
  const child = spawn(process.execPath, [join(cloneFolder, "scripts/audit.ts")], {
    env: {
      ...process.env,
      ...Object.fromEntries(urls),
      ...stack.tokenEnv("audit"),
      ORDER_ADDRESS: stack.addresses.order ?? "",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { output: () => output, ended, kill: () => child.kill("SIGKILL") };
}

async function newest(): Promise<Audit | undefined> {
  return (await audits.listAudits({ pageSize: 1 })).audits[0];
}

async function inDatabase(name: "order" | "stock", sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: running.stack.databaseUrl(name) });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

test("a clean run and one with a breach are recorded, with what was read and found", async () => {
  const clean = startAudit();
  expect(await clean.ended, clean.output()).toBe(0);
  const first = await newest();
  expect(first).toMatchObject({ state: Audit_State.CLEAN, failure: "" });
  expect(first?.laws.map(({ law }) => law)).toEqual([1, 2, 3, 4, 5, 7]);
  expect(first?.laws.every(({ checked, statement }) => checked.length > 0 && statement.endsWith("."))).toBe(true);

  await makeProduct(running.shop, 10);
  await inDatabase("stock", "update levels set on_hand = on_hand + 1");
  const breached = startAudit();
  expect(await breached.ended, breached.output()).toBe(1);
  await inDatabase("stock", "update levels set on_hand = on_hand - 1");
  const second = await newest();
  expect(second).toMatchObject({ state: Audit_State.BREACHED });
  const [stock] = second?.laws.filter(({ law }) => law === 2) ?? [];
  expect(stock?.breachCount).toBeGreaterThan(0);
  for (const breach of stock?.breaches ?? []) {
    expect(breached.output()).toContain(breach);
  }
});

test("a run that cannot read a database failed, and is not clean; its record has no password", async () => {
  const url = new URL(running.stack.auditUrl("stock"));
  url.password = "wrong-password";
  const audit = startAudit({ AUDIT_STOCK_URL: url.href });
  expect(await audit.ended).toBe(1);
  expect(audit.output()).toContain("audit: failed: ");
  const found = await newest();
  expect(found).toMatchObject({ state: Audit_State.FAILED, laws: [] });
  expect(found?.failure).toContain("password authentication failed");
  expect(found?.failure).not.toContain("wrong-password");
});

test("a run waits for the end of the one that runs already, and then reads the databases itself", async () => {
  const { AUTH_TOKEN_URL = "", SERVICE_CLIENT_SECRET: clientSecret = "" } = running.stack.tokenEnv("audit");
  const tokenUrl = new URL(AUTH_TOKEN_URL);
  await using tokens = createServiceTokens({
    ...{ tokenUrl, clientId: "audit", clientSecret, audience: "sagacart", log: silentLog },
  });
  using channel = openChannel(running.stack.addresses.order ?? "", { tokens });
  const program = createServiceClient(AuditService, channel);
  await program.beginAudit({ id: "by-hand" });

  const audit = startAudit();
  await expect.poll(audit.output, { timeout: 60_000 }).toContain("another one has been running");
  const laws = [
    { law: 1, statement: "Money is conserved.", breachCount: 1, breaches: ["account by-hand is below zero"] },
  ];
  await program.endAudit({ id: "by-hand", end: { case: "verdict", value: { laws } } });

  // That one's word is no proof.
  expect(await audit.ended, audit.output()).toBe(0);
  expect(audit.output()).not.toContain("by-hand");
  expect(await newest()).toMatchObject({ state: Audit_State.CLEAN });
});

test("a run that is killed did not finish, and the next one does not wait for it", async () => {
  // It waits for this lock in the middle of its reading.
  const locker = new pg.Client({ connectionString: running.stack.databaseUrl("order") });
  await locker.connect();
  await locker.query("begin; lock table orders in access exclusive mode");
  const audit = startAudit();
  await expect.poll(async () => (await newest())?.state, { timeout: 60_000 }).toBe(Audit_State.RUNNING);
  audit.kill();
  await audit.ended;
  await locker.end();
  await inDatabase("order", "update audits set seen_time = seen_time - interval '61 s' where state = 'RUNNING'");
  const killed = await newest();
  expect(killed).toMatchObject({ state: Audit_State.DID_NOT_FINISH, laws: [] });

  const next = startAudit();
  expect(await next.ended, next.output()).toBe(0);
  expect(await newest()).toMatchObject({ state: Audit_State.CLEAN });
  expect((await audits.getAudit({ id: killed!.id })).audit).toEqual(killed);
});

test("while the order service is away, the audit runs, and says that its verdict is not recorded", async () => {
  const before = await newest();
  await running.stack.kill("order", "SIGKILL");
  const audit = startAudit();
  expect(await audit.ended, audit.output()).toBe(0);
  expect(audit.output()).toContain("audit: not recorded: ");
  expect(audit.output()).toContain("audit: no breach");
  await running.stack.start("order");
  // The connection of this test comes back a little later.
  await expect.poll(() => newest().catch(String), { timeout: 60_000 }).toEqual(before);
});
