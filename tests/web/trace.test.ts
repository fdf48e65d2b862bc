import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { desktop, fillSignIn, isTooWide, phone, seriousProblems, visit } from "../support/browser.ts";
import { makeProduct } from "../support/scenario.ts";
import { manySpans, sendSpans } from "../support/send-spans.ts";
import { startShop, type TestShop, until } from "../support/shop.ts";

// The waterfall of an order's trace, with npm start -- --observe: a real browser, and the whole shop behind it.

let running: TestShop;
let browser: Browser;
let origin: string;
let productId: string;

beforeAll(async () => {
  browser = await launchBrowser();
  running = await startShop(
    { identity: { SIGN_IN_FREE_ATTEMPTS: "1000", SIGN_IN_FREE_ATTEMPTS_PER_ADDRESS: "1000" } },
    { observe: true },
  );
  origin = `http://localhost:${running.stack.addresses.gateway?.split(":").at(-1)}`;
  productId = await makeProduct(running.shop, 50);
}, 900_000);
afterAll(async () => {
  await browser?.close();
  await running?.[Symbol.asyncDispose]();
}, 300_000);

async function inBrowser(
  name: string,
  run: (page: Page) => Promise<void>,
  device: BrowserContextOptions = desktop,
): Promise<void> {
  // An order that is just placed has no shipment yet, which the browser reports as a 404.
  const expected = /^Failed to load resource.*404/;
  await visit(browser, { ...device, locale: "en-US", name, expected }, async ({ page }) => await run(page));
}

async function shoot(page: Page, name: string, fullPage = true): Promise<void> {
  const folder = process.env.WEB_SCREENSHOTS;
  if (folder !== undefined) {
    await page.screenshot({ path: join(folder, `trace-${name}.png`), fullPage });
  }
}

async function signIn(page: Page, path: string): Promise<void> {
  await page.goto(`${origin}${path}`);
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  await fillSignIn(page);
}

/** Places an order by a click on the page, and goes to the order's page. Returns its id. */
async function placeByClick(page: Page): Promise<string> {
  await signIn(page, "/console/break");
  await page.getByRole("textbox", { name: "Product id" }).fill(productId);
  await page
    .getByRole("button", { name: /^Place orders: / })
    .first()
    .click();
  const placed = page.getByRole("alert").getByRole("link").first();
  const id = (await placed.textContent()) ?? "";
  await placed.click();
  await page.getByRole("heading", { level: 1, name: `Order ${id}` }).waitFor();
  return id;
}

const trace = (page: Page) => page.getByRole("treegrid", { name: "Trace" });
const line = (page: Page, name: string | RegExp) => trace(page).getByRole("row", { name }).first();

async function traceIdOf(orderId: string): Promise<string> {
  const { changes } = await running.shop.orders.getOrder({ id: orderId });
  return changes[0]?.traceId ?? "";
}

test("an order that a click placed shows its trace, from the gateway to each statement", ({ task }) =>
  inBrowser(task.name, async (page) => {
    const orderId = await placeByClick(page);

    for (const name of [
      /Checkout gateway/,
      /Checkout order/,
      /command CHECKOUT worker/,
      /RunWorkflow:checkout worker/,
      /step reserve worker/,
      /BatchReserve stock/,
    ]) {
      await line(page, name).waitFor();
    }
    await page
      .getByTestId("trace-size")
      .getByText(/^\d+ spans/)
      .waitFor();
    // The page began the trace: the gateway's span has a parent, which nobody has sent.
    const { spans } = await readTrace(await traceIdOf(orderId));
    const first = spans.find(({ service, kind }) => service === "gateway" && kind === "server");
    expect(first?.parentSpanId).toMatch(/^[\da-f]{16}$/);
    expect(spans.some(({ spanId }) => spanId === first?.parentSpanId)).toBe(false);

    expect(await seriousProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    await shoot(page, "order");
    await trace(page).scrollIntoViewIfNeeded();
    await shoot(page, "waterfall", false);
  }));

type ReadSpan = { service: string; kind: string; name: string; spanId: string; parentSpanId: string };

async function readTrace(traceId: string): Promise<{ spans: ReadSpan[] }> {
  const answer = await fetch(`http://${running.stack.addresses.traces}/traces?id=${traceId}`);
  // The trace server's own answer.
  return (await answer.json()) as { spans: ReadSpan[] };
}

test("the waterfall is walked, opened, closed and read by keyboard alone", ({ task }) =>
  inBrowser(task.name, async (page) => {
    await placeByClick(page);
    await line(page, /RunWorkflow:checkout worker/).waitFor();
    // Once the order is final, it is read a few times more. Rows come and go until then.
    await page.getByRole("button", { name: "Read again" }).waitFor();
    const focused = () => page.evaluate("document.activeElement?.textContent ?? ''");
    const top = trace(page).getByRole("row").nth(1);
    await top.focus();
    const first = await focused();
    await page.keyboard.press("ArrowDown");
    await expect.poll(focused).not.toBe(first);
    await page.keyboard.press("Home");
    await expect.poll(focused).toBe(first);

    const rows = await trace(page).getByRole("row").count();
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => top.getAttribute("aria-expanded")).toBe("false");
    await expect.poll(() => trace(page).getByRole("row").count()).toBeLessThan(rows);
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => top.getAttribute("aria-expanded")).toBe("true");
    await page.keyboard.press("ArrowRight");
    await expect.poll(focused).not.toBe(first);

    await page.keyboard.press("Enter");
    await trace(page).getByText("Span id", { exact: true }).waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    await page.keyboard.press("Enter");
    await expect.poll(() => trace(page).getByText("Span id", { exact: true }).count()).toBe(0);

    await page.keyboard.press("End");
    await page.keyboard.press("ArrowLeft");
    expect(await focused()).not.toBe("");
  }));

test("a trace of thousands of spans is usable, also on a phone", ({ task }) =>
  inBrowser(
    task.name,
    async (page) => {
      const orderId = await placeByClick(page);
      await line(page, /RunWorkflow:checkout worker/).waitFor();
      const traceId = await traceIdOf(orderId);
      const below = (await readTrace(traceId)).spans.find(({ name }) => name === "RunWorkflow:checkout")?.spanId;
      await sendSpans(running.stack.addresses.traces ?? "", manySpans(4_000, { traceId, below: below ?? "" }));

      await page.reload();
      await page
        .getByTestId("trace-size")
        .getByText(/^4,\d{3} spans/)
        .waitFor();
      const parent = line(page, /RunWorkflow:checkout worker/);
      await parent.waitFor();
      if ((await parent.getAttribute("aria-expanded")) === "false") {
        await parent.focus();
        await page.keyboard.press("ArrowRight");
      }
      await line(page, /^task 0 another/).waitFor();
      expect(await trace(page).getByRole("row").count()).toBeLessThan(500);
      await trace(page)
        .getByRole("row", { name: /more\. Show 200 of them/ })
        .click();
      await line(page, /^task 250 another/).waitFor();
      expect(await isTooWide(page)).toBe(false);
      await shoot(page, "large-phone");
    },
    phone,
  ));

test("an order whose trace is gone says so", ({ task }) =>
  inBrowser(task.name, async (page) => {
    const orderId = await placeByClick(page);
    await line(page, /RunWorkflow:checkout worker/).waitFor();
    for (let n = 1; n <= 6; n++) {
      const spans = manySpans(10_000, { traceId: n.toString(16).padStart(32, "e") });
      for (let from = 0; from < spans.length; from += 2_500) {
        await sendSpans(running.stack.addresses.traces ?? "", spans.slice(from, from + 2_500));
      }
    }
    const traceId = await traceIdOf(orderId);
    await until(60_000, "the trace to be gone", async () =>
      (await readTrace(traceId)).spans.length === 0 ? true : undefined,
    );
    await page.reload();
    await page.getByText("The trace of this order is gone").waitFor();
    await shoot(page, "gone");
  }));

test("the shop's page of an order leads operators to its trace", ({ task }) =>
  inBrowser(task.name, async (page) => {
    const orderId = await placeByClick(page);
    await page.goto(`${origin}/shop/orders/${orderId}`);
    await page.getByRole("link", { name: "Trace", exact: true }).click();
    await page.waitForURL(new RegExp(`/console/orders/${orderId}#trace$`));
    await line(page, /Checkout gateway/).waitFor();
    await expect(trace(page).isVisible()).resolves.toBe(true);
  }));
