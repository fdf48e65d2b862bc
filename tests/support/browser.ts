import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";
import { cloneFolder } from "../../scripts/clone.ts";

/** Where screenshots of failed tests are kept. */
const failures = join(cloneFolder, ".sagacart", "web-failures");

export const desktop: BrowserContextOptions = { viewport: { width: 1280, height: 900 }, locale: "en-GB" };
export const phone: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  isMobile: true,
  hasTouch: true,
  deviceScaleFactor: 2,
  locale: "en-GB",
};

export type Visit = {
  readonly page: Page;
  /** The complaints of the browser: errors in the console, violations of the policy, exceptions. */
  readonly complaints: string[];
};

/**
 * Runs a test in a browser of its own, with nothing stored. It fails if the browser complained of anything but `expected`, and
 * keeps a screenshot if it fails.
 */
export async function visit(
  browser: Browser,
  { name, expected, ...options }: BrowserContextOptions & { name: string; expected?: RegExp },
  run: (visit: Visit) => Promise<void>,
): Promise<void> {
  // Without animations: a menu that is still appearing has colors of too little contrast.
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  const complaints: string[] = [];
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      complaints.push(message.text());
    }
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  try {
    await run({ page, complaints });
    expect(complaints.filter((complaint) => expected === undefined || !expected.test(complaint))).toEqual([]);
  } catch (error) {
    await mkdir(failures, { recursive: true });
    const file = join(failures, `${name.replaceAll(/\W+/g, "-")}.png`);
    await page.screenshot({ path: file, fullPage: true }).catch(() => undefined);
    throw new Error(
      `${String(error)}\n\nThe browser complained: ${complaints.join("; ") || "no"}\nScreenshot: ${file}`,
      {
        cause: error,
      },
    );
  } finally {
    await context.close();
  }
}

/** Fills in the shop's own sign-in page and sends it; the operator of a laptop's shop by default. */
export async function fillSignIn(page: Page, username = "admin", password = "admin123"): Promise<void> {
  await page.locator("input[name=username]").fill(username);
  await page.locator("input[name=password]").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Returns what axe finds serious or critical on a page, a sentence each. */
export async function seriousProblems(page: Page): Promise<string[]> {
  // Through the debugger, so that the page's policy does not apply to it.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => Reflect.get(globalThis, "axe").run());
  return (violations as axe.Result[])
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`,
    );
}

/** Returns true if the page is wider than the screen, so that it scrolls to the side. */
export async function isTooWide(page: Page): Promise<boolean> {
  return await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth");
}
