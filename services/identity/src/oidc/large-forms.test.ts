import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity } from "../testing/identity.ts";
import { createBrowser, createOidcApp, type TestBrowser } from "../testing/oidc-app.ts";

const redirectUri = "http://app.test/callback";
let running: TestIdentity;

beforeAll(async () => {
  running = await startTestIdentity({
    env: { OIDC_CLIENTS: JSON.stringify([{ client_id: "app", redirect_uris: [redirectUri] }]) },
  });
});
afterAll(() => running[Symbol.asyncDispose]());

/** Begins a sign-in, in which the form is. */
async function signIn(browser: TestBrowser): Promise<string> {
  const app = await createOidcApp(running, { clientId: "app", redirectUri });
  return (await app.begin(browser)).location;
}

test.each<[string, (browser: TestBrowser) => Promise<string>]>([
  ["the sign-in", signIn],
  ["the registration", async (browser) => `${await signIn(browser)}/register`],
  ["a forgotten password", async () => "/oidc/forgot-password"],
  ["a new password", async () => "/oidc/reset-password"],
  ["the confirmation of an address", async () => "/oidc/confirm-email"],
  ["the undo of a change", async () => "/oidc/undo-email-change"],
])(
  "a form of %s that is huge is answered, in both languages, and the connection serves the next one",
  async (_what, pathOf) => {
    const browser = createBrowser(running);
    const path = await pathOf(browser);

    const large = { email: "x".repeat(5_000_000) };
    const answers = [await browser.open(path, large), await browser.open(path, large, { "accept-language": "de" })];

    expect(answers.map(({ status }) => status)).toEqual([413, 413]);
    expect(answers[0]?.html).toContain("This form is too large.");
    expect(answers[1]?.html).toContain("Dieses Formular ist zu groß.");
    expect((await browser.open(path)).status).toBe(200);
  },
);
