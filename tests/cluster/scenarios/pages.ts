import type { Browser, Page } from "playwright-core";
import { launchBrowser } from "../../../scripts/browser.ts";
import { portOf } from "../../../scripts/shop.ts";
import { check, NotHere, type Scenario, type Stage } from "../scenario.ts";

/** Values with which the gateway serves TLS, to the browser too. */
export const pagesOverTls = { global: { tls: { enabled: true } }, gateway: { tls: { serve: true } } };

/** Buys in a browser, by the pages that the gateway's image contains. */
export const pages: Scenario = {
  name: "pages",
  promise: "the gateway serves the pages, and a guest buys in a browser, with TLS and without",
  async run(stage) {
    const { shop, measured } = stage;
    await using browser = await openBrowser();
    measured(await buyAt("http", browser.browser, stage));
    if ((await shop.namespace.kubectl([...crd, "certificates.cert-manager.io"])) === "") {
      measured("not with TLS: cert-manager is not installed");
      return;
    }
    await stage.install(pagesOverTls);
    try {
      await shop.ready();
      measured(await buyAt("https", browser.browser, stage));
    } finally {
      await stage.install();
    }
  },
};

const crd = ["get", "crd", "--ignore-not-found", "-o", "name"];

async function openBrowser(): Promise<AsyncDisposable & { readonly browser: Browser }> {
  try {
    const browser = await launchBrowser();
    return { browser, [Symbol.asyncDispose]: () => browser.close() };
  } catch (error) {
    throw new NotHere(error instanceof Error ? error.message : String(error));
  }
}

/** Buys a mouse as a guest. Returns a line for the table. */
async function buyAt(scheme: "http" | "https", browser: Browser, { shop }: Stage): Promise<string> {
  await using gateway = await shop.namespace.forward(`svc/${shop.objectName("gateway")}`, portOf("gateway"));
  // The certificate is of the release's own CA, which no browser knows, and names the Service.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "en-US" });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    const complaints: string[] = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    const startedAt = performance.now();
    await buy(page, `${scheme}://${gateway.address}`);
    check(complaints.length === 0, `the browser complained: ${complaints.join("; ")}`);
    return `${scheme}: a guest bought within ${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  } finally {
    await context.close();
  }
}

async function buy(page: Page, origin: string): Promise<void> {
  const answer = await page.goto(`${origin}/shop/products/product.mouse`);
  check(answer?.status() === 200, `GET ${origin}/shop/products/product.mouse answered ${answer?.status()}`);
  const policy = answer.headers()["content-security-policy"] ?? "";
  check(policy.includes("script-src 'self'"), `the page has the policy ${JSON.stringify(policy)}`);
  await page.getByRole("button", { name: "Add to cart" }).click();
  await page.getByRole("link", { name: "Go to the cart" }).click();
  await page.getByRole("link", { name: "Check out" }).click();
  await page.getByLabel("E-mail").fill("ada@example.com");
  await page.getByLabel("Name").fill("Ada Lovelace");
  await page.getByLabel("Street and number").fill("12 St James's Square");
  await page.getByLabel("Postal code").fill("SW1Y 4JH");
  await page.getByLabel("Town").fill("London");
  await page.getByRole("button", { name: /^Buy now for / }).click();
  await page.locator("[data-connection=ended]").waitFor();
  await page.getByTestId("order-state").filter({ hasText: "Completed" }).waitFor();
}
