import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser, signIn } from "../../scripts/browser.ts";
import { seed } from "../../scripts/stack/seed.ts";
import { desktop, isTooWide, phone, seriousProblems, visit } from "../support/browser.ts";
import { startShop, type TestShop } from "../support/shop.ts";

const cleanup = new AsyncDisposableStack();
let browser: Browser;
let shop: TestShop;
let home: string;

beforeAll(async () => {
  browser = await launchBrowser();
  cleanup.defer(() => browser.close());
  shop = cleanup.use(await startShop());
  await seed(shop.stack);
  home = `http://localhost:${shop.stack.ports.gateway}`;
});

afterAll(() => cleanup.disposeAsync());

test("a guest finds a product, buys it, and follows the order to its end", async ({ task: { name } }) => {
  await visit(browser, { ...desktop, name }, async ({ page }) => {
    const before = await availableOf("product.mouse");
    await page.goto(home);
    await page.getByRole("link", { name: "Laptop Pro 16" }).waitFor();
    await page.getByRole("searchbox", { name: "Search the products" }).fill("mouse");
    await page.getByRole("link", { name: "Laptop Pro 16" }).waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Wireless Mouse" }).click();
    await page.getByRole("button", { name: "Add to cart" }).click();
    await page.getByRole("link", { name: "Go to the cart" }).click();
    await page.getByRole("link", { name: "Check out" }).click();
    await fillIn(page);
    await page.getByRole("button", { name: "Buy now for US$79.99" }).click();

    await ended(page, "Completed");
    expect(await timelineOf(page)).toEqual(["placed done", "reserve done", "charge done", "ship done", "end done"]);
    await page.getByText("US$79.99 was paid.").waitFor();
    await page.getByText("Messages about this order go to ada@example.com.").waitFor();
    expect(await availableOf("product.mouse")).toBe(before - 1);
    await page.getByRole("link", { name: "Cart, 0 items" }).waitFor();
  });
});

test("a link that is followed while a search is still typed wins", async ({ task: { name } }) => {
  await visit(browser, { ...desktop, name }, async ({ page }) => {
    await page.goto(home);
    await page.getByRole("link", { name: "Wireless Mouse" }).waitFor();
    await page.getByRole("searchbox", { name: "Search the products" }).fill("mou");
    await page.getByRole("link", { name: "4K Monitor 27" }).click();
    await page.getByRole("heading", { name: "4K Monitor 27", level: 1 }).waitFor();
    // Longer than the search waits for more letters.
    await page.waitForTimeout(500);
    expect(new URL(page.url()).pathname).toBe("/shop/products/product.monitor");
  });
});

test("a declined card shows what is undone, last step first, and leaves the cart as it was", async ({
  task: { name },
}) => {
  await visit(browser, { ...desktop, name }, async ({ page }) => {
    const before = await availableOf("product.monitor");
    await toCheckout(page, "4K Monitor 27");
    await fillIn(page);
    await page.getByRole("radio", { name: "Test card, declined" }).check();
    await page.getByRole("button", { name: /^Buy now/ }).click();

    await ended(page, "Rejected");
    expect(await timelineOf(page)).toEqual([
      "placed done",
      "reserve done",
      "charge refused",
      "ship skipped",
      "undo-charge done",
      "undo-reserve done",
      "end done",
    ]);
    await page.getByText("Declined: the card was declined.").waitFor();
    expect(await availableOf("product.monitor")).toBe(before);
    await page.getByRole("link", { name: "Cart, 1 item" }).click();
    await page.getByText("The last order of this cart failed: The payment was declined.").waitFor();
  });
});

test("a carrier that refuses has the payment given back before the stock", async ({ task: { name } }) => {
  await visit(browser, { ...desktop, name }, async ({ page }) => {
    await toCheckout(page, "Wireless Mouse");
    await page.getByLabel("Country").selectOption("DE");
    await fillIn(page, "00000");
    await page.getByRole("button", { name: /^Buy now/ }).click();

    await ended(page, "Cancelled");
    expect(await timelineOf(page)).toEqual([
      "placed done",
      "reserve done",
      "charge done",
      "ship refused",
      "undo-charge done",
      "undo-reserve done",
      "end done",
    ]);
  });
});

test("a customer signs in at the real page, takes the guest's cart over, buys, and signs out", async ({
  task: { name },
}) => {
  await visit(browser, { ...desktop, name }, async ({ page }) => {
    await page.goto(`${home}/shop/products/product.keyboard`);
    await page.getByRole("button", { name: "Add to cart" }).click();
    await page.getByText("1 × Mechanical Keyboard is in your cart.").waitFor();
    await signIn(page, "alice");
    // Back where the sign-in began.
    await page.getByRole("heading", { name: "Mechanical Keyboard" }).waitFor();
    await page.getByText("Mechanical Keyboard: 0 + 1 → 1").waitFor();
    await page.getByRole("button", { name: "Take it over" }).click();
    await page.getByRole("link", { name: "Cart, 1 item" }).click();
    await page.getByRole("link", { name: "Check out" }).click();
    expect(await page.getByLabel("E-mail").count()).toBe(0);
    await page.getByRole("radio", { name: "I pick it up" }).check();
    await page.getByRole("radio", { name: "My balance" }).check();
    await page.getByRole("button", { name: "Buy now for US$149.99" }).click();
    await ended(page, "Completed");

    // Tokens are only in memory: a page that is loaded again is signed in by the issuer's cookie.
    await page.reload();
    await ended(page, "Completed");
    await page.getByRole("heading", { name: "Messages" }).waitFor();
    await page.getByRole("button", { name: "Account of alice" }).click();
    await page.getByRole("menuitem", { name: "Inbox" }).click();
    await page.getByText("1 unread").waitFor();
    await page.getByRole("button", { name: "Mark all as read" }).click();
    await page.getByText("1 unread").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Account of alice" }).click();
    await page.getByRole("menuitem", { name: "Orders" }).click();
    await page.getByText("US$149.99").waitFor();

    await page.getByRole("button", { name: "Account of alice" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.waitForURL(/\/oidc\/logout/);
    await page.getByRole("button", { name: /sign out|yes/i }).click();
    await page.waitForURL(`${home}/`);
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    await page.goto(`${home}/shop/orders`);
    await page.getByText("Sign in to see the orders of your account.").waitFor();
  });
});

test("an order that is paid later is declined once, paid then; another one is cancelled", async ({
  task: { name },
}) => {
  await visit(browser, { ...desktop, name }, async ({ page }) => {
    await toCheckout(page, "Wireless Mouse");
    await fillIn(page);
    await page.getByRole("radio", { name: /^Later/ }).check();
    await page.getByRole("button", { name: /^Order for US\$79.99/ }).click();
    await page.getByTestId("order-state").filter({ hasText: "Awaiting payment" }).waitFor();
    await page.getByRole("radio", { name: "Test card, declined" }).check();
    await page.getByRole("button", { name: "Pay US$79.99 now" }).click();
    await page.getByText("Declined: the card was declined.").waitFor();
    await page.getByRole("radio", { name: "Test card", exact: true }).check();
    await page.getByRole("button", { name: "Pay US$79.99 now" }).click();
    await ended(page, "Completed");
    await page.getByText("Attempt 2: Test card").waitFor();

    await toCheckout(page, "Wireless Mouse");
    await fillIn(page);
    await page.getByRole("radio", { name: /^Later/ }).check();
    await page.getByRole("button", { name: /^Order for/ }).click();
    await page.getByRole("button", { name: "Cancel this order" }).click();
    await ended(page, "Cancelled");
    await page.getByText("You cancelled it.").waitFor();
  });
});

test("a connection that is cut while an order is watched comes back, and misses nothing", async ({
  task: { name },
}) => {
  const expected = /ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_(?:REFUSED|RESET)|ERR_EMPTY_RESPONSE/;
  await visit(browser, { ...desktop, name, expected }, async ({ page }) => {
    await toCheckout(page, "Wireless Mouse");
    await fillIn(page);
    await page.getByRole("radio", { name: /^Later/ }).check();
    await page.getByRole("button", { name: /^Order for/ }).click();
    await page.getByTestId("order-state").filter({ hasText: "Awaiting payment" }).waitFor();
    const id = page.url().split("/").at(-1) ?? "";

    // The process at the other end goes away, and takes the stream with it.
    await shop.stack.kill("gateway", "SIGKILL");
    await page.locator("[data-connection=lost]").waitFor();
    await shop.shop.orders.cancelOrder({ id, reason: "while nobody was watching" });
    await shop.stack.start("gateway");

    await ended(page, "Cancelled");
    expect(await timelineOf(page)).toContain("undo-reserve done");
  });
}, 300_000);

test("an order whose worker is killed waits, and goes on with the next one", async ({ task: { name } }) => {
  await visit(browser, { ...desktop, name }, async ({ page }) => {
    await toCheckout(page, "Wireless Mouse");
    await fillIn(page);
    await shop.stack.kill("worker", "SIGKILL");
    await page.getByRole("button", { name: /^Buy now/ }).click();
    await page.getByTestId("order-state").filter({ hasText: "Pending" }).waitFor();
    expect(await timelineOf(page)).toEqual(["placed done", "reserve doing", "charge todo", "ship todo"]);
    await shop.stack.start("worker");
    await ended(page, "Completed");
  });
}, 300_000);

test("a cart that was changed in another browser is not overwritten", async ({ task: { name } }) => {
  await visit(browser, { ...desktop, name, expected: /409/ }, async ({ page }) => {
    await page.goto(home);
    await signIn(page, "bob");
    await page.goto(`${home}/shop/products/product.laptop`);
    await page.getByRole("button", { name: "Add to cart" }).click();
    await page.getByRole("link", { name: "Go to the cart" }).click();
    await page.getByTestId("cart-total").filter({ hasText: "US$1,499.99" }).waitFor();
    await shop.shop.carts.addCartItem({ customerId: "bob", productId: "product.mouse", quantity: 1 });

    await page.getByRole("button", { name: "Remove Laptop Pro 16" }).click();

    await page.getByText("This has been changed elsewhere in the meantime.").waitFor();
    await page.getByRole("link", { name: "Wireless Mouse" }).waitFor();
    await page.getByRole("button", { name: "Remove Laptop Pro 16" }).click();
    await page.getByRole("link", { name: "Laptop Pro 16" }).waitFor({ state: "detached" });
  });
});

test("on a phone, every page fits and a guest buys", async ({ task: { name } }) => {
  await visit(browser, { ...phone, name }, async ({ page }) => {
    const wide: string[] = [];
    const look = async (what: string) => {
      if (await isTooWide(page)) {
        wide.push(what);
      }
    };
    await page.goto(home);
    await page.getByRole("link", { name: "Wireless Mouse" }).waitFor();
    await look("products");
    await page.getByRole("link", { name: "Wireless Mouse" }).tap();
    await page.getByRole("button", { name: "Add to cart" }).tap();
    await page.getByRole("link", { name: "Go to the cart" }).waitFor();
    await look("product");
    await page.getByRole("link", { name: "Go to the cart" }).tap();
    await page.getByRole("link", { name: "Check out" }).waitFor();
    await look("cart");
    await page.getByRole("link", { name: "Check out" }).tap();
    await fillIn(page);
    await look("checkout");
    await page.getByRole("button", { name: /^Buy now/ }).tap();
    await ended(page, "Completed");
    await look("order");
    expect(wide).toEqual([]);
  });
});

test("the keyboard alone buys", async ({ task: { name } }) => {
  await visit(browser, { ...desktop, name }, async ({ page }) => {
    const tabTo = async (label: RegExp) => {
      for (let presses = 0; presses < 80; presses++) {
        const focused: string = await page.evaluate(labelOfFocused);
        if (label.test(focused)) {
          return;
        }
        await page.keyboard.press("Tab");
      }
      throw new Error(`Tab never came to ${label}`);
    };
    await page.goto(home);
    await page.getByRole("link", { name: "Wireless Mouse" }).waitFor();
    await tabTo(/Wireless Mouse/);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Add to cart" }).waitFor();
    await tabTo(/Add to cart/);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Go to the cart" }).waitFor();
    await tabTo(/Go to the cart/);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Check out" }).waitFor();
    await tabTo(/Check out/);
    await page.keyboard.press("Enter");
    await page.getByLabel("E-mail").waitFor();
    for (const [label, text] of [
      [/E-mail/, "ada@example.com"],
      [/^Name/, "Ada Lovelace"],
      [/Street and number/, "12 St James's Square"],
      [/Postal code/, "SW1Y 4JH"],
      [/Town/, "London"],
    ] as const) {
      await tabTo(label);
      await page.keyboard.type(text);
    }
    await tabTo(/Buy now/);
    await page.keyboard.press("Enter");
    await ended(page, "Completed");
  });
});

test.each(["light", "dark"] as const)("axe finds nothing serious on any page, %s", async (colorScheme) => {
  await visit(browser, { ...desktop, colorScheme, name: `axe ${colorScheme}` }, async ({ page }) => {
    const found: Record<string, string[]> = {};
    const look = async (what: string) => {
      const problems = await seriousProblems(page);
      if (problems.length > 0) {
        found[what] = problems;
      }
    };
    await page.goto(home);
    await page.getByRole("link", { name: "Wireless Mouse" }).waitFor();
    await look("products");
    await toCheckout(page, "Wireless Mouse", look);
    await look("checkout");
    await fillIn(page);
    await page.getByRole("radio", { name: "Test card, declined" }).check();
    await page.getByRole("button", { name: /^Buy now/ }).click();
    await ended(page, "Rejected");
    await look("order");
    await signIn(page, "alice");
    await page.getByRole("button", { name: "Account of alice" }).click();
    await look("menu");
    await page.keyboard.press("Escape");
    for (const [path, heading] of [
      ["/shop/orders", "Orders"],
      ["/shop/inbox", "Inbox"],
      ["/shop/preferences", "Preferences"],
      ["/shop/nowhere", "There is no page at this address."],
    ] as const) {
      await page.goto(`${home}${path}`);
      await page.getByRole("heading", { name: heading }).waitFor();
      await page.getByRole("button", { name: "Account of alice" }).waitFor();
      await look(path);
      // Names of the contract are not for customers.
      expect(await page.getByText(/sagacart\.\w+\./).count(), path).toBe(0);
    }
    expect(found).toEqual({});
  });
});

test("a browser in German gets German pages, and remembers another choice", async ({ task: { name } }) => {
  await visit(browser, { ...desktop, locale: "de-DE", name }, async ({ page }) => {
    await page.goto(home);
    await page.getByRole("heading", { name: "Produkte" }).waitFor();
    await page.getByText("79,99").waitFor();
    expect(await page.evaluate("document.documentElement.lang")).toBe("de");
    await page.getByRole("button", { name: "English" }).click();
    await page.getByRole("heading", { name: "Products" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Products" }).waitFor();
  });
});

test("an error of a service is shown as a sentence, and an address without a page says so", async ({
  task: { name },
}) => {
  await visit(browser, { ...desktop, name, expected: /40[14]/ }, async ({ page }) => {
    await page.goto(`${home}/shop/products/no-such-thing`);
    await page.getByText("This product is no longer sold.").waitFor();
    await page.goto(`${home}/shop/nowhere`);
    await page.getByText("There is no page at this address.").waitFor();
  });
});

test("after all that, the books add up", async () => {
  expect(await shop.breaches()).toEqual([]);
});

async function availableOf(id: string): Promise<number> {
  const { product } = await shop.shop.products.getProduct({ id });
  return product?.available ?? 0;
}

/** Puts a product into the cart and goes on to the checkout. */
async function toCheckout(page: Page, title: string, look?: (what: string) => Promise<void>): Promise<void> {
  await page.goto(home);
  await page.getByRole("link", { name: title }).click();
  await page.getByRole("button", { name: "Add to cart" }).click();
  await page.getByRole("link", { name: "Go to the cart" }).waitFor();
  await look?.("product");
  await page.getByRole("link", { name: "Go to the cart" }).click();
  await page.getByRole("link", { name: "Check out" }).waitFor();
  await look?.("cart");
  await page.getByRole("link", { name: "Check out" }).click();
  await page.getByLabel("E-mail").waitFor();
}

async function fillIn(page: Page, postalCode = "SW1Y 4JH"): Promise<void> {
  await page.getByLabel("E-mail").fill("ada@example.com");
  await page.getByLabel("Name").fill("Ada Lovelace");
  await page.getByLabel("Street and number").fill("12 St James's Square");
  await page.getByLabel("Postal code").fill(postalCode);
  await page.getByLabel("Town").fill("London");
}

/** Waits until an order's page says that it is at its end, in this state. */
async function ended(page: Page, state: string): Promise<void> {
  await page.locator("[data-connection=ended]").waitFor();
  await page.getByTestId("order-state").filter({ hasText: state }).waitFor();
}

/** Returns the lines of an order's progress, such as "charge refused". */
async function timelineOf(page: Page): Promise<string[]> {
  const entries = await page.locator("ol > li").all();
  return await Promise.all(
    entries.map(async (entry) => `${await entry.getAttribute("data-what")} ${await entry.getAttribute("data-status")}`),
  );
}

/** Evaluates in the page to the label of what has the focus. */
const labelOfFocused = `(() => {
  const { activeElement: element } = document;
  // A page that has just been opened has the focus itself.
  if (!element?.matches("a, button, input, select, textarea, [role]")) return "";
  const labels = [...(element?.labels ?? [])].map((label) => label.textContent);
  return [element?.getAttribute("aria-label"), ...labels, element?.textContent].filter(Boolean).join(" / ");
})()`;
