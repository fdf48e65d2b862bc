import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { createRestarter } from "../../scripts/stack/restarter.ts";
import { desktop, fillSignIn, isTooWide, phone, seriousProblems, visit } from "../support/browser.ts";
import { makeProduct } from "../support/scenario.ts";
import { startShop, type TestShop } from "../support/shop.ts";

// What operators do with the launcher of a laptop, in a real browser: the audit, killing processes, a load, the security log.

const stopping = new AbortController();
let running: TestShop;
let browser: Browser;
let origin: string;

beforeAll(async () => {
  browser = await launchBrowser();
  // As npm start does: a process that ends unexpectedly is started again.
  const restart = createRestarter({
    start: (name) => running.stack.start(name),
    isRunning: (name) => running.stack.isRunning(name),
    onStarted: () => undefined,
    say: () => undefined,
    signal: stopping.signal,
  });
  running = await startShop(
    { identity: { SIGN_IN_FREE_ATTEMPTS: "1000", SIGN_IN_FREE_ATTEMPTS_PER_ADDRESS: "1000" } },
    { onUnexpectedExit: restart },
  );
  origin = `http://localhost:${running.stack.addresses.gateway?.split(":").at(-1)}`;
}, 900_000);
afterAll(async () => {
  stopping.abort();
  await browser?.close();
  await running?.[Symbol.asyncDispose]();
}, 300_000);

/** Runs a test in a browser of its own, as somebody who signs in first. */
async function asStaff(
  name: string,
  path: string,
  run: (page: Page) => Promise<void>,
  device: BrowserContextOptions = desktop,
): Promise<void> {
  // Calls that are refused, or cut off with a killed gateway, are part of some tests.
  const expected = /^Failed to load resource/;
  await visit(browser, { ...device, locale: "en-US", name, expected }, async ({ page }) => {
    await page.goto(`${origin}${path}`);
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    await fillSignIn(page);
    await run(page);
  });
}

const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { level: 1, name });
const auditPanel = (page: Page) => page.getByRole("region", { name: "Audit", exact: true });

async function inStock(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: running.stack.databaseUrl("stock") });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

test("the audit is run by a button, its verdict is shown, and a breach with what it is about", ({ task }) =>
  asStaff(task.name, "/console", async (page) => {
    const productId = await makeProduct(running.shop, 10);
    const panel = auditPanel(page);
    await panel.getByText("No audit has run yet.").waitFor();
    const button = panel.getByRole("button", { name: "Run the audit now" });
    await button.click();
    await panel.getByText("No breach").waitFor();
    await page.getByRole("listitem").filter({ hasText: "Last audit" }).getByText("No breach").waitFor();

    await inStock(`update levels set on_hand = on_hand + 1 where product_id = '${productId}'`);
    await expect.poll(() => button.isEnabled()).toBe(true);
    await button.click();
    await panel.getByText("1 breach", { exact: true }).waitFor();
    await inStock(`update levels set on_hand = on_hand - 1 where product_id = '${productId}'`);
    expect(await panel.getByRole("alert").textContent()).toContain(productId);
    expect(await seriousProblems(page)).toEqual([]);

    await panel.getByRole("link", { name: "What it read and found" }).first().click();
    await heading(page, /^Audit /).waitFor();
    await page.getByText("2. Stock is conserved.").waitFor();
    await page.goto(`${origin}/console/audits`);
    await expect.poll(() => page.getByRole("row").count()).toBe(3);
  }));

test("a killed worker is started again, and the page shows it", ({ task }) =>
  asStaff(task.name, "/console/break", async (page) => {
    const row = page.getByRole("row").filter({ has: page.getByRole("button", { name: "Kill worker" }) });
    await row.getByText("running", { exact: true }).waitFor();
    const pid = running.stack.pids().worker;
    await row.getByRole("button", { name: "Kill worker" }).click();
    await expect.poll(() => running.stack.pids().worker ?? pid, { timeout: 120_000 }).not.toBe(pid);
    await expect
      .poll(async () => (await row.getByRole("cell").allTextContents()).slice(1, 4))
      .toEqual(["running", String(running.stack.pids().worker), "1"]);
    expect(await page.getByRole("button", { name: /^Kill (postgres|temporal)/ }).count()).toBe(0);
  }));

test("the page goes on after the gateway that serves it was killed", ({ task }) =>
  asStaff(task.name, "/console/break", async (page) => {
    const row = page.getByRole("row").filter({ has: page.getByRole("button", { name: "Kill gateway" }) });
    await row.getByRole("button", { name: "Kill gateway" }).click();
    await expect
      .poll(async () => (await row.getByRole("cell").allTextContents()).slice(1, 4), { timeout: 120_000 })
      .toEqual(["running", expect.stringMatching(/^\d+$/), "1"]);
  }));

test("a load is started and stopped, a process killed meanwhile, and afterwards the audit finds no breach", ({
  task,
}) =>
  asStaff(task.name, "/console/break", async (page) => {
    const load = page.getByRole("region", { name: "Load", exact: true });
    await load.getByLabel("Checkouts a second").fill("10");
    await load.getByLabel("Seconds").fill("600");
    await load.getByRole("button", { name: "Start the load" }).click();
    await load.getByText(/^10 a second for 10 min, running since/).waitFor();
    expect(await load.getByRole("button", { name: "Start the load" }).isDisabled()).toBe(true);
    await load.getByText(/20 products with/).waitFor();

    await page.getByRole("button", { name: "Kill payment" }).click();
    await expect
      .poll(async () => (await running.shop.orders.listOrders({ pageSize: 200 })).orders.length, { timeout: 60_000 })
      .toBeGreaterThan(30);
    await load.getByRole("button", { name: "Stop the load" }).click();
    await load.getByText(/, ended .* with exit code 0$/).waitFor({ timeout: 240_000 });
    await load.getByText("sold and remaining stock add up").waitFor();

    const panel = auditPanel(page);
    await panel.getByRole("button", { name: "Run the audit now" }).click();
    await expect.poll(() => panel.textContent(), { timeout: 60_000 }).toMatch(/No breach/);
    await page.goto(`${origin}/console`);
    await page.getByRole("img", { name: /^Batch sizes: / }).waitFor();
  }));

test("the security log shows who did what, by event, person and outcome, page by page", ({ task }) =>
  asStaff(task.name, "/console/security-log", async (page) => {
    await heading(page, "Security log").waitFor();
    await page.getByLabel("Event").fill("launcher.process_killed");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("cell", { name: "launcher.process_killed" }).first().waitFor();
    await page.getByRole("cell", { name: "process payment" }).waitFor();
    expect(await seriousProblems(page)).toEqual([]);

    await page.goto(`${origin}/console/security-log?event=security_log.read`);
    await page.getByRole("cell", { name: "security_log.read" }).first().waitFor();
    const before = await page.getByRole("row").count();
    await page.getByRole("button", { name: "Read again" }).click();
    await expect.poll(() => page.getByRole("row").count()).toBe(before + 1);

    const line = (number: number) =>
      JSON.stringify({
        ...{
          time: "2026-01-05T10:00:00.000Z",
          log: "security",
          service: "order",
          event: "test.many",
          outcome: "failed",
        },
        ...{
          reason: "UNAVAILABLE",
          actor: { kind: "staff", id: "many" },
          object: { kind: "", id: `number-${number}` },
        },
      });
    const file = join(running.stack.stateDirectory, "logs", "security.log");
    await appendFile(file, Array.from({ length: 70 }, (_, index) => `${line(index)}\n`).join(""));
    await page.goto(`${origin}/console/security-log?actor=many&outcome=failed`);
    await expect.poll(() => page.getByRole("row").count()).toBe(51);
    await page.getByRole("button", { name: "Next page" }).click();
    await expect.poll(() => page.getByRole("row").count()).toBe(21);
    await page.getByRole("cell", { name: "number-0", exact: true }).waitFor();
  }));

test.each([
  ["desktop", desktop],
  ["phone", phone],
] as const)("axe finds nothing serious on these pages, and none is wider than its window, on a %s", (name, device) =>
  asStaff(
    `operating on a ${name}`,
    "/console",
    async (page) => {
      await heading(page, "Now").waitFor();
      const found: string[] = [];
      for (const [path, title] of [
        ["", "Now"],
        ["/audits", "Audits"],
        ["/break", "Break it"],
        ["/security-log", "Security log"],
      ] as const) {
        await page.goto(`${origin}/console${path}`);
        await heading(page, title).waitFor();
        await expect.poll(() => page.getByLabel(/^Reading /).count()).toBe(0);
        found.push(...(await seriousProblems(page)).map((problem) => `${title}: ${problem}`));
        found.push(...((await isTooWide(page)) ? [`${title}: is wider than its window`] : []));
      }
      expect(found).toEqual([]);
    },
    device,
  ),
);
