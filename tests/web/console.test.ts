import { join } from "node:path";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { desktop, fillSignIn, isTooWide, phone, seriousProblems, visit } from "../support/browser.ts";
import { home, makeCustomer, makeProduct, placeOneOfEach, usd } from "../support/scenario.ts";
import { startShop, type TestShop } from "../support/shop.ts";

// The operator's console as its people use it: a real browser, the pages that the gateway serves, the whole shop behind them.

const freshMs = 20_000;

let running: TestShop;
let browser: Browser;
let origin: string;
/** One of each kind of order. */
let orders: string[];
let completed: string;
let productId: string;

beforeAll(async () => {
  browser = await launchBrowser();
  running = await startShop({
    identity: {
      AUTH_FRESH_SIGN_IN_MS: String(freshMs),
      SIGN_IN_FREE_ATTEMPTS: "1000",
      SIGN_IN_FREE_ATTEMPTS_PER_ADDRESS: "1000",
    },
  });
  origin = `http://localhost:${running.stack.addresses.gateway?.split(":").at(-1)}`;
  orders = [...(await placeOneOfEach(running.shop)).keys()];
  productId = await makeProduct(running.shop, 50);
  const customerId = await makeCustomer(running.shop, 0n);
  const { order } = await running.shop.orders.checkout({
    customerId,
    lines: [{ productId, quantity: 2 }],
    paymentMethod: "pm_ok",
    shippingAddress: home("12345"),
    waitFor: WaitFor.COMPLETED,
  });
  completed = order!.id;
}, 900_000);
afterAll(async () => {
  await browser?.close();
  await running?.[Symbol.asyncDispose]();
}, 300_000);

/** Runs a test in a browser of its own. Calls that are refused, which the browser reports, are part of some tests. */
async function inBrowser(
  name: string,
  run: (page: Page) => Promise<void>,
  device: BrowserContextOptions = desktop,
): Promise<void> {
  const expected = /^Failed to load resource/;
  await visit(browser, { ...device, locale: "en-US", name, expected }, async ({ page }) => await run(page));
}

/** Keeps a screenshot where WEB_SCREENSHOTS says. */
async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env.WEB_SCREENSHOTS;
  if (folder !== undefined) {
    await page.screenshot({ path: join(folder, `console-${name}.png`), fullPage: true });
  }
}

/** Goes to an address as somebody who has to sign in first. */
async function signIn(page: Page, path: string, [username, password] = ["admin", "admin123"]): Promise<void> {
  await page.goto(`${origin}${path}`);
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  await fillSignIn(page, username, password);
}

const heading = (page: Page, name: string | RegExp): Locator => page.getByRole("heading", { level: 1, name });

async function fill(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  const form = page.getByRole("dialog");
  for (const [label, value] of Object.entries(fields)) {
    await form.getByLabel(label).fill(value);
  }
}

const submit = (page: Page, name: string) =>
  page.getByRole("dialog").getByRole("button", { name, exact: true }).click();

test("a customer is not shown the console, and is told why", ({ task }) =>
  inBrowser(task.name, async (page) => {
    await signIn(page, "/console/orders", ["alice", "alice123"]);
    await page.getByText("alice is neither an operator nor support").waitFor();
    expect(await page.getByRole("navigation", { name: "Console" }).count()).toBe(0);
  }));

test("an order is found, its page tells everything about it, and a part of it is refunded", ({ task }) =>
  inBrowser(task.name, async (page) => {
    await signIn(page, `/console/orders?state=COMPLETED&product=${productId}`);
    await heading(page, "Orders").waitFor();
    // Only the order with this product.
    await expect.poll(() => page.getByRole("row").count()).toBe(2);
    await page.getByRole("link", { name: completed }).click();

    await heading(page, `Order ${completed}`).waitFor();
    const timeline = page.getByRole("main").getByRole("list").last();
    for (const title of [
      "Order placed",
      "Stock reserved",
      "Payment captured",
      "Journal entry: charge",
      "Shipment accepted",
      "Completed",
    ]) {
      await timeline.getByText(title, { exact: true }).waitFor();
    }
    const workflow = page.getByRole("link", { name: /^checkout-/ });
    expect(await workflow.getAttribute("href")).toMatch(/\/namespaces\/default\/workflows\/checkout-/);

    await page.getByRole("button", { name: "Refund", exact: true }).click();
    await fill(page, { "Amount in USD": "0.705", "The shop's own reason": "one is chipped" });
    await submit(page, "Refund");
    await page.getByText('"0.705" is not an amount in USD').waitFor();
    await fill(page, { "Amount in USD": "0.75" });
    await submit(page, "Refund");

    await timeline.getByText("Refund of $0.75 succeeded").waitFor();
    await timeline.getByText("by staff").first().waitFor();
    expect((await running.shop.orders.getOrder({ id: completed })).order?.refunded).toMatchObject(usd(75n));
    await shoot(page, "order");
  }));

test("the address of a page of a list can be shared, and the list goes on while orders come in", ({ task }) =>
  inBrowser(task.name, async (page) => {
    await signIn(page, `/console/orders?customer=pager`);
    await page.getByText("No order matches.").waitFor();
    await running.shop.accounts.createAccount({ customerId: "pager" });
    for (let count = 0; count < 3; count++) {
      await running.shop.orders.checkout({
        customerId: "pager",
        lines: [{ productId, quantity: 1 }],
        paymentMethod: "pm_ok",
      });
    }
    // It is read again without being asked to.
    await expect.poll(() => page.getByRole("row").count()).toBe(4);

    const many = await makeProduct(running.shop, 1_000);
    await Promise.all(
      Array.from({ length: 55 }, () =>
        running.shop.orders.checkout({
          customerId: "pager",
          lines: [{ productId: many, quantity: 1 }],
          paymentMethod: "pm_ok",
          waitFor: WaitFor.ACCEPTED,
        }),
      ),
    );
    await page.getByRole("button", { name: "Next page" }).click();
    await page.waitForURL(/page=/);
    const ids = () => page.getByRole("row").getByRole("link").allTextContents();
    await expect.poll(async () => (await ids()).filter((text) => text !== "pager").length).toBe(8);
    const before = await ids();
    await running.shop.orders.checkout({
      customerId: "pager",
      lines: [{ productId, quantity: 1 }],
      paymentMethod: "pm_ok",
    });

    const other = await page.context().newPage();
    await other.goto(page.url());
    await heading(other, "Orders").waitFor();
    await expect.poll(() => other.getByRole("row").getByRole("link").allTextContents()).toEqual(before);

    await other.goto(page.url().replace(/page=[^&]+/, "page=nonsense"));
    await other.getByText("page_token is not one that this list gave out").waitFor();
    await other.getByRole("button", { name: "First page" }).click();
    await expect.poll(() => other.getByRole("row").count()).toBe(51);
  }));

test("a product is made, changed, its stock moved, and deleted; a change of somebody else's is not overwritten", ({
  task,
}) =>
  inBrowser(task.name, async (page) => {
    await signIn(page, "/console/products");
    await page.getByRole("button", { name: "New product" }).click();
    await fill(page, { Id: "console-mug", Title: "A mug", Price: "9.95", "On hand": "10" });
    await submit(page, "New product");
    await page.goto(`${origin}/console/products/console-mug`);
    await page.getByText("$9.95").first().waitFor();

    await page.getByRole("button", { name: "Edit" }).click();
    await running.shop.products.updateProduct({ product: { id: "console-mug", title: "Somebody else's title" } });
    await fill(page, { Title: "Mine" });
    await submit(page, "Edit");
    await page.getByText(/changed elsewhere in the meantime/).waitFor();
    await submit(page, "Back");
    await page.getByText("Somebody else's title").waitFor();

    await page.getByRole("button", { name: "Move stock" }).click();
    await fill(page, { Change: "-3", "Record that it belongs to": "broken" });
    await page.getByRole("dialog").getByLabel("Reason").selectOption("CORRECTION");
    await submit(page, "Move stock");
    await page.getByRole("cell", { name: "broken" }).waitFor();
    expect((await running.shop.products.getProduct({ id: "console-mug" })).product).toMatchObject({
      onHand: 7,
      title: "Somebody else's title",
    });
    await shoot(page, "product");

    await page.getByRole("button", { name: "Delete" }).click();
    await submit(page, "Delete");
    await heading(page, "Products").waitFor();
  }));

test("what needs a fresh sign-in leads to the sign-in and back to the form, and is done once", async ({ task }) => {
  await inBrowser(`${task.name}, other`, async (victim) => {
    await signIn(victim, "/console", ["bob", "bob12345"]);
    await victim.getByText("bob is neither").waitFor();
  });
  await inBrowser(task.name, async (page) => {
    await signIn(page, "/console/users");
    await page.getByLabel("Name, in full").fill("bob");
    await page.getByRole("button", { name: "Search" }).click();
    const signedInAt = Date.now();
    await page.getByRole("link", { name: "bob" }).click();
    await heading(page, "bob").waitFor();
    await page.getByRole("region", { name: "Sessions" }).waitFor();
    await expect
      .poll(() => Date.now() - signedInAt, { timeout: freshMs * 2, interval: 1_000 })
      .toBeGreaterThan(freshMs);

    await page.getByRole("button", { name: "End all sessions" }).click();
    await submit(page, "End all sessions");
    await page.getByText("For this you must have signed in").waitFor();
    await shoot(page, "step-up");
    expect(await seriousProblems(page)).toEqual([]);
    await page.getByRole("button", { name: "Sign in again" }).click();
    await fillSignIn(page);
    await page.getByRole("dialog").getByRole("button", { name: "End all sessions" }).waitFor();
    await submit(page, "End all sessions");
    await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
    await expect.poll(() => page.getByRole("region", { name: "Sessions" }).count()).toBe(0);
  });
});

test("support sees what support may do", ({ task }) =>
  inBrowser(task.name, async (page) => {
    await signIn(page, "/console/users");
    await page.getByLabel("Name, in full").fill("bob");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("link", { name: "bob" }).click();
    await page.getByRole("button", { name: "Set roles" }).click();
    await page.getByRole("dialog").getByLabel("Support").check();
    await submit(page, "Set roles");
    await page.getByText("support", { exact: true }).first().waitFor();

    await inBrowser("what support sees", async (support) => {
      await signIn(support, `/console/products/${productId}`, ["bob", "bob12345"]);
      await heading(support, /^Product/).waitFor();
      await support.getByRole("heading", { name: "Movements" }).waitFor();
      expect(await support.getByRole("button", { name: "Edit" }).count()).toBe(0);
      expect(await support.getByRole("link", { name: "Templates" }).count()).toBe(0);
      await support.goto(`${origin}/console/orders/${orders[0]}`);
      await support.getByRole("button", { name: "Refund", exact: true }).waitFor();
    });
  }));

test("a template is previewed, a broken one is refused, and a changed one is saved", ({ task }) =>
  inBrowser(task.name, async (page) => {
    await signIn(page, "/console/templates");
    await page.getByRole("link", { name: "sagacart.order.completed.v1" }).first().click();
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByRole("heading", { name: "What a customer would get" }).waitFor();
    await page.getByLabel("Subject").fill("{{ order_id | nonsense");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("That did not work").waitFor();
    await page.getByLabel("Subject").fill("Yours: {{ order_id }}");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved. Messages that are created from now on use it.").waitFor();
    await page.getByText("2", { exact: true }).first().waitFor();
    await shoot(page, "template");
  }));

test("an operator breaks things where providers are simulated, and sees what became of it", ({ task }) =>
  inBrowser(task.name, async (page) => {
    await signIn(page, "/console/break");
    await page.getByLabel("Product id").fill(productId);
    await page.getByRole("textbox", { name: "Orders" }).fill("3");
    await page.getByRole("button", { name: "Place orders: Declined" }).click();
    await page.getByText("Declined: 3 placed").waitFor();
    await page.getByRole("link", { name: "all orders of console-test" }).click();
    await expect.poll(() => page.getByRole("cell", { name: "PAYMENT_DECLINED" }).count()).toBe(3);
  }));

const pages: readonly [name: string, path: () => string, heading: string | RegExp][] = [
  ["now", () => "", "Now"],
  ["orders", () => "/orders", "Orders"],
  ["order", () => `/orders/${completed}`, /^Order/],
  ["incidents", () => "/incidents", "Incidents"],
  ["products", () => "/products", "Products"],
  ["product", () => `/products/${productId}`, /^Product/],
  ["reservations", () => "/reservations", "Reservations"],
  ["reservation", () => `/reservations/${completed}`, /^Reservation/],
  ["accounts", () => "/accounts", "Accounts"],
  ["account", () => "/accounts/alice/USD", /^Account of/],
  ["journal", () => "/journal", "Journal"],
  ["payments", () => "/payments", "Payments"],
  ["refunds", () => "/refunds", "Refunds"],
  ["disputes", () => "/disputes", "Disputes"],
  ["webhooks", () => "/webhooks", "Webhook endpoints"],
  ["deliveries", () => "/deliveries", "Deliveries"],
  ["feeds", () => "/feeds", "Event feeds"],
  ["feed", () => "/feeds/payment", "Feed of payment"],
  ["messages", () => "/messages", "Messages"],
  ["mailbox", () => "/mailbox", "Mailbox"],
  ["templates", () => "/templates", "Templates"],
  ["audits", () => "/audits", "Audits"],
  ["users", () => "/users", "Users"],
  ["security log", () => "/security-log", "Security log"],
  ["break", () => "/break", "Break it"],
];

test.each([
  ["desktop", desktop],
  ["phone", phone],
] as const)("axe finds nothing serious on any page, and none is wider than its window, on a %s", (name, device) =>
  inBrowser(
    `console pages on a ${name}`,
    async (page) => {
      await signIn(page, "/console");
      await heading(page, "Now").waitFor();
      const found: string[] = [];
      for (const [which, path, title] of pages) {
        await page.goto(`${origin}/console${path()}`);
        await heading(page, title).waitFor();
        await expect.poll(() => page.getByLabel(/^Reading /).count()).toBe(0);
        found.push(...(await seriousProblems(page)).map((problem) => `${which}: ${problem}`));
        found.push(...((await isTooWide(page)) ? [`${which}: is wider than its window`] : []));
        await shoot(page, `${which}-${name}`);
      }
      expect(found).toEqual([]);
    },
    device,
  ),
);

test("a service that is away is named, and the rest of the order's page is there", ({ task }) =>
  inBrowser(task.name, async (page) => {
    await signIn(page, `/console/orders/${completed}`);
    await heading(page, `Order ${completed}`).waitFor();
    await running.stack.kill("stock", "SIGKILL");
    await page.getByText("Without stock").waitFor();
    await page.getByText("Payment captured", { exact: true }).waitFor();
    await running.stack.start("stock");
    await expect.poll(() => page.getByText("Without stock").count()).toBe(0);
  }));
