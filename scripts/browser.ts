import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

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
