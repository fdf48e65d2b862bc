import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { phrasesOf, readCatalogues } from "../../services/web/build/console-catalogues.ts";
import { desktop, fillSignIn, seriousProblems, visit } from "../support/browser.ts";
import { home, makeCustomer, makeProduct, placeOneOfEach, usd } from "../support/scenario.ts";
import { startShop, type TestShop } from "../support/shop.ts";

// The operator's console in German: a real browser, the pages that the gateway serves, the whole shop behind them.

let running: TestShop;
let browser: Browser;
let origin: string;
let completed: string;
let productId: string;
/** Parts of English texts of the console that no German text has. */
let english: readonly string[];

beforeAll(async () => {
  browser = await launchBrowser();
  running = await startShop({
    identity: { SIGN_IN_FREE_ATTEMPTS: "1000", SIGN_IN_FREE_ATTEMPTS_PER_ADDRESS: "1000" },
  });
  origin = `http://localhost:${running.stack.addresses.gateway?.split(":").at(-1)}`;
  await placeOneOfEach(running.shop);
  productId = await makeProduct(running.shop, 50);
  const { order } = await running.shop.orders.checkout({
    customerId: await makeCustomer(running.shop, 0n),
    lines: [{ productId, quantity: 2 }],
    paymentMethod: "pm_ok",
    shippingAddress: home("12345"),
    waitFor: WaitFor.COMPLETED,
  });
  completed = order!.id;
  english = await englishOnly();
}, 900_000);
afterAll(async () => {
  await browser?.close();
  await running?.[Symbol.asyncDispose]();
}, 300_000);

/** Returns the parts of more than 12 characters, between what texts are given, that only English texts have. */
async function englishOnly(): Promise<readonly string[]> {
  const phrases = (await readCatalogues()).flatMap(phrasesOf);
  const german = phrases.map(({ de }) => de ?? "");
  const parts = phrases.flatMap(({ en }) => (en ?? "").split(/\{\d\}|#/)).map((part) => part.trim());
  return [...new Set(parts)].filter((part) => part.length > 12 && !german.some((text) => text.includes(part)));
}

/** Runs a test in a browser of its own. Calls that are refused, which the browser reports, are part of some tests. */
async function inBrowser(name: string, locale: string, run: (page: Page) => Promise<void>): Promise<void> {
  const expected = /^Failed to load resource/;
  await visit(browser, { ...desktop, locale, name, expected }, async ({ page }) => await run(page));
}

/** Signs in at a page of the console, in a browser in English. */
async function signIn(page: Page, path: string): Promise<void> {
  await page.goto(`${origin}${path}`);
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  await fillSignIn(page);
}

const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { level: 1, name });

/** Waits until a page of the console has its heading, and shows what it reads. */
async function ready(page: Page, title: string | RegExp): Promise<void> {
  await heading(page, title).waitFor();
  await expect.poll(() => page.getByLabel(/^Wird gelesen: /).count()).toBe(0);
}

/** All texts of the page, also those that are only read out, each on a line of its own. */
const textsOf = (page: Page) =>
  page.evaluate<string>(`(() => {
    const texts = [document.title];
    const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = nodes.nextNode(); node !== null; node = nodes.nextNode()) {
      if (node.parentElement.closest("#unreachable, noscript, script") === null) {
        texts.push(node.data);
      }
    }
    for (const element of document.querySelectorAll("[aria-label], [title], [placeholder]")) {
      texts.push(...["aria-label", "title", "placeholder"].map((name) => element.getAttribute(name) ?? ""));
    }
    return texts.join("\\n");
  })()`);

/** Returns what is wrong with a page that should be in German, a sentence each. */
async function faultsOf(page: Page, which: string): Promise<string[]> {
  const texts = await textsOf(page);
  const languages = await page.evaluate<string[]>(
    "[document.documentElement, ...document.querySelectorAll('main [lang]')].map(({ lang }) => lang)",
  );
  return [
    ...english.filter((part) => texts.includes(part)).map((part) => `${which}: has the English text "${part}"`),
    ...languages.filter((language) => language !== "de").map((language) => `${which}: is in the language ${language}`),
    ...((await page.title()).endsWith(" · Konsole · Sagacart")
      ? []
      : [`${which}: has the title ${await page.title()}`]),
    ...(await seriousProblems(page)).map((problem) => `${which}: ${problem}`),
  ];
}

/** The pages, and the heading of what the first link of their table leads to, if they have one here. */
const pages: readonly [path: () => string, heading: string | RegExp, first?: RegExp][] = [
  [() => "", "Jetzt"],
  [() => "/orders", "Bestellungen", /^Bestellung /],
  [() => `/orders/${completed}`, /^Bestellung /],
  [() => "/incidents", "Vorfälle"],
  [() => "/incidents/no-such", "Vorfall no-such"],
  [() => "/audits", "Prüfungen"],
  [() => "/audits/no-such", "Prüfung no-such"],
  [() => "/products", "Produkte", /^Produkt /],
  [() => "/reservations", "Reservierungen", /^Reservierung /],
  [() => "/accounts", "Konten", /^Konto von /],
  [() => "/journal", "Journal", /^Buchung /],
  [() => "/payments", "Zahlungen", /^Zahlung /],
  [() => "/refunds", "Erstattungen"],
  [() => "/disputes", "Anfechtungen"],
  [() => "/webhooks", "Webhook-Endpunkte"],
  [() => "/webhooks/no-such", "Webhook-Endpunkt no-such"],
  [() => "/deliveries", "Zustellungen"],
  [() => "/deliveries/no-such", "Zustellung no-such"],
  [() => "/feeds", "Ereignis-Feeds"],
  [() => "/feeds/payment", "Feed von payment"],
  [() => "/feeds/no-such", "Einen Feed von no-such gibt es nicht"],
  [() => "/messages", "Nachrichten"],
  [() => "/messages/no-such", "Nachricht no-such"],
  [() => "/mailbox", "Postfach"],
  [() => "/templates", "Vorlagen", /^sagacart\./],
  [() => "/users", "Benutzer", /^\w+$/],
  [() => "/security-log", "Sicherheitsprotokoll"],
  [() => "/break", "Störungen"],
];

test("the console is in German for a person who has chosen it, in every browser, and no page has English left", async ({
  task: { name },
}) => {
  await inBrowser(`${name}, choice`, "en-US", async (page) => {
    await signIn(page, "/console/orders");
    await heading(page, "Orders").waitFor();
    // It is saved once English, the language of the sign-in, has been.
    const saved = page.waitForResponse(
      (answer) =>
        answer.url().endsWith("/UpdatePreferences") && (answer.request().postData() ?? "").includes('"language":"de"'),
    );
    await page.getByRole("button", { name: "Deutsch" }).click();
    await ready(page, "Bestellungen");
    expect((await saved).status()).toBe(200);
  });

  await inBrowser(name, "en-US", async (page) => {
    await signIn(page, "/console");
    await ready(page, "Jetzt");
    expect(english.length).toBeGreaterThan(200);
    const found: string[] = [];
    for (const [path, title, first] of pages) {
      await page.goto(`${origin}/console${path()}`);
      await ready(page, title);
      found.push(...(await faultsOf(page, path())));
      if (first !== undefined) {
        await page.getByRole("row").getByRole("link").first().click();
        await ready(page, first);
        found.push(...(await faultsOf(page, `what ${path()} leads to`)));
      }
    }
    expect(found).toEqual([]);

    await page.goto(`${origin}/console/webhooks/no-such`);
    await page.getByText("Diesen Endpunkt gibt es nicht.").waitFor();
    await page.goto(`${origin}/console/nowhere`);
    await heading(page, "Unter dieser Adresse gibt es keine Seite.").waitFor();
  });
});

test("in German, an amount is typed with a comma, and what happened is told in German", ({ task: { name } }) =>
  inBrowser(name, "de-DE", async (page) => {
    await page.goto(`${origin}/console/orders/${completed}`);
    await page.getByRole("main").getByRole("button", { name: "Anmelden" }).click();
    await page.locator("input[name=username]").fill("admin");
    await page.locator("input[name=password]").fill("admin123");
    await page.keyboard.press("Enter");
    await ready(page, `Bestellung ${completed}`);
    await page.getByText("Zahlung eingezogen", { exact: true }).waitFor();

    await page.getByRole("button", { name: "Erstattung", exact: true }).click();
    const form = page.getByRole("dialog");
    expect(await form.getByLabel("Betrag in USD").inputValue()).toBe("2,00");
    await form.getByLabel("Betrag in USD").fill("0.75");
    await form.getByRole("button", { name: "Erstattung", exact: true }).click();
    await form.getByText("„0.75“ ist kein Betrag in USD").waitFor();
    expect(await faultsOf(page, "the form")).toEqual([]);
    await form.getByLabel("Betrag in USD").fill("0,75");
    await form.getByRole("button", { name: "Erstattung", exact: true }).click();

    await page.getByText(/^Erstattung von 0,75\s\$ ausgeführt$/).waitFor();
    await page
      .getByText(/^von Personal /)
      .first()
      .waitFor();
    expect((await running.shop.orders.getOrder({ id: completed })).order?.refunded).toMatchObject(usd(75n));
  }));
