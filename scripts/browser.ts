import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { laptopUsers } from "./stack/users.ts";

/** The browsers that are looked for, first one first. */
const programs = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Starts the installed Chromium. Throws a sentence that says how to get it if there is none. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = programs.find((program) => program !== undefined && existsSync(program));
  if (executablePath === undefined) {
    throw new Error(
      "there is no Chromium to open the pages with: apt-get install --no-install-recommends chromium, or set CHROMIUM to its path",
    );
  }
  // Chromium's sandbox does not run as root.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return await chromium.launch({ executablePath, args: [...args, "--disable-dev-shm-usage"] });
}

/** Signs in at the issuer's page as a user of a laptop's shop. Who is signed in nowhere sees the form at once. */
export async function signIn(page: Page, username: string): Promise<void> {
  const password = laptopUsers.find((user) => user.username === username)?.password ?? "";
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/oidc\/sign-in\//);
  await page.locator("input[name=username]").fill(username);
  await page.locator("input[name=password]").fill(password);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: `Account of ${username}` }).waitFor();
}
