import "./help.ts";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { launchBrowser, signIn } from "./browser.ts";
import { cloneFolder } from "./clone.ts";
import { runningShop } from "./stack/state.ts";

// npm run screenshots: opens each page of the running shop, on a desktop and on a phone, in light and dark, and stores
// pictures of them in dist/screenshots. It buys on the way, so that the pages have something to show.

const folder = join(cloneFolder, "dist", "screenshots");
const shop = await runningShop();
if (shop === undefined) {
  process.stderr.write("No shop is running: start it with npm start.\n");
  process.exit(1);
}
const home = `http://localhost:${shop.addresses.gateway?.split(":").at(-1)}`;
await mkdir(folder, { recursive: true });
const browser = await launchBrowser();
try {
  for (const [name, options] of [
    ["desktop", { viewport: { width: 1280, height: 900 } }],
    ["desktop-dark", { viewport: { width: 1280, height: 900 }, colorScheme: "dark" }],
    ["phone", { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }],
  ] as const) {
    const context = await browser.newContext({ ...options, locale: "en-GB" });
    await tour(await context.newPage(), async (page, what) => {
      await page.evaluate("scrollTo(0, 0)");
      await page.screenshot({ path: join(folder, `${name}-${what}.png`), fullPage: true });
      process.stdout.write(`dist/screenshots/${name}-${what}.png\n`);
    });
    await context.close();
  }
} finally {
  await browser.close();
}

type Shoot = (page: Page, what: string) => Promise<void>;

async function tour(page: Page, shoot: Shoot): Promise<void> {
  await page.goto(home);
  await page.getByRole("link", { name: "Wireless Mouse" }).waitFor();
  await shoot(page, "products");
  await buy(page, { method: "Test card, declined", guest: true, shoot });
  await page.locator("[data-connection=ended]").waitFor();
  await shoot(page, "order-declined");
  await page.getByRole("link", { name: /^Cart, / }).click();
  await page.getByRole("link", { name: "Check out" }).waitFor();
  await shoot(page, "cart-after-decline");

  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Forgot your password?" }).waitFor();
  await shoot(page, "sign-in");
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByRole("heading", { name: "Create an account" }).waitFor();
  await shoot(page, "register");
  for (const [path, what] of [
    ["forgot-password", "forgot-password"],
    ["reset-password?token=an-example", "reset-password"],
  ] as const) {
    await page.goto(`${home}/oidc/${path}`);
    await shoot(page, what);
  }
  await page.goto(home);
  await signIn(page, "alice");
  await page.getByText("Take over the cart from before you signed in?").waitFor();
  await shoot(page, "merge");
  await page.getByRole("button", { name: "Discard it" }).click();
  await buy(page, { method: "Test card", guest: false, shoot: async () => {} });
  await page.locator("[data-connection=ended]").waitFor();
  await page.getByRole("heading", { name: "Messages" }).waitFor();
  await shoot(page, "order-completed");
  await buy(page, { method: "Test card, late", guest: false, shoot: async () => {} });
  await page.locator("[data-status=doing]").first().waitFor();
  await shoot(page, "order-under-way");
  for (const path of ["orders", "inbox", "addresses", "preferences"]) {
    await page.goto(`${home}/shop/${path}`);
    await page.getByRole("button", { name: "Account of alice" }).waitFor();
    await page.waitForLoadState("networkidle");
    await shoot(page, path);
  }
  await page.getByRole("button", { name: "Account of alice" }).click();
  await page.getByRole("menuitem", { name: "Inbox" }).waitFor();
  await shoot(page, "menu");
}

async function buy(page: Page, { method, guest, shoot }: { method: string; guest: boolean; shoot: Shoot }) {
  await page.goto(`${home}/shop/products/product.mouse`);
  await page.getByRole("button", { name: "Add to cart" }).click();
  await page.getByRole("link", { name: "Go to the cart" }).waitFor();
  await shoot(page, "product");
  await page.getByRole("link", { name: "Go to the cart" }).click();
  await page.getByRole("link", { name: "Check out" }).waitFor();
  await shoot(page, "cart");
  await page.getByRole("link", { name: "Check out" }).click();
  await page.getByLabel("Street and number").fill("12 St James's Square");
  if (guest) await page.getByLabel("E-mail").fill("ada@example.com");
  await page.getByLabel("Name").fill("Ada Lovelace");
  await page.getByLabel("Postal code").fill("SW1Y 4JH");
  await page.getByLabel("Town").fill("London");
  await page.getByRole("radio", { name: method, exact: true }).check();
  await shoot(page, "checkout");
  await page.getByRole("button", { name: /^Buy now/ }).click();
  await page.getByTestId("order-state").waitFor();
}
