import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { seed } from "../../scripts/stack/seed.ts";
import { until } from "../../scripts/until.ts";
import { desktop, isTooWide, phone, seriousProblems, visit } from "../support/browser.ts";
import { startShop, type TestShop } from "../support/shop.ts";

const pictures = "https://images.example";
const cleanup = new AsyncDisposableStack();
let browser: Browser;
let shop: TestShop;
let home: string;

beforeAll(async () => {
  browser = await launchBrowser();
  cleanup.defer(() => browser.close());
  shop = cleanup.use(
    await startShop({ identity: { UNVERIFIED_USERS_MAY: "nothing" }, gateway: { PICTURE_ORIGINS: pictures } }),
  );
  await seed(shop.stack);
  home = `http://localhost:${shop.stack.ports.gateway}`;
});

afterAll(() => cleanup.disposeAsync());

const password = "correct horse battery";
const newPerson = () => {
  const username = `ada.${uuidv7().slice(-12)}`;
  return { username, email: `${username}@example.com` };
};

test("a guest buys, registers, confirms the address, comes back to the shop, and takes the order over", async ({
  task: { name },
}) => {
  await visit(browser, { ...desktop, name, expected: /40[39]/ }, async ({ page }) => {
    const { username, email } = newPerson();
    await buyAsGuest(page, email);
    const order = page.url();
    await page.goto(`${home}/shop/orders`);
    await page.getByRole("main").getByRole("button", { name: "Create an account" }).click();
    await page.getByRole("heading", { name: "Create an account" }).waitFor();

    // What is wrong is said at its field, which has the focus, and the rest stays.
    await page.getByLabel("Name to sign in with").fill("alice");
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Create the account" }).click();
    await page.getByText("This name is taken.").waitFor();
    expect(await page.evaluate("document.activeElement.name")).toBe("username");
    expect(await page.getByLabel("E-mail address").inputValue()).toBe(email);
    await page.getByLabel("Name to sign in with").fill(username);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Create the account" }).click();
    await page.getByText(`A mail is on its way to ${email}.`).waitFor();
    await page.getByRole("button", { name: /^Continue to/ }).click();
    await page.getByText("Confirm your e-mail address first").waitFor();

    await page.goto(await linkTo(email, "confirm-email"));
    await page.getByRole("button", { name: "Confirm" }).click();
    await page.getByText("Your e-mail address is confirmed").waitFor();
    await page.getByRole("link", { name: /^Continue to/ }).click();
    await page.getByRole("heading", { name: "Your account is ready" }).waitFor();
    await page.getByRole("button", { name: /^Continue to/ }).click();

    // Back where the registration began, and signed in.
    await page.getByRole("button", { name: `Account of ${username}` }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/shop/orders");
    await page.getByText("Add the order from before you signed in to your account?").waitFor();
    await page.getByRole("button", { name: "Add to my account" }).click();
    await page.getByText("US$79.99").waitFor();
    await page.getByText("Add the order from before").waitFor({ state: "detached" });
    await page.goto(order);
    await page.getByTestId("order-state").filter({ hasText: "Completed" }).waitFor();
    await page.getByRole("heading", { name: "Messages" }).waitFor();
  });
});

test("an order of a guest is added to the account on its own page; one with another address is not", async ({
  task: { name },
}) => {
  await visit(browser, { ...desktop, name, expected: /40[09]/ }, async ({ page }) => {
    const person = newPerson();
    await register(page, person);
    await signOut(page, person.username);
    await buyAsGuest(page, person.email);
    const own = page.url();
    await buyAsGuest(page, "somebody-else@example.com");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator("input[name=username]").fill(person.username);
    await page.locator("input[name=password]").fill(password);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Not now" }).click();
    await page.getByRole("button", { name: "Add it to my account" }).click();
    await page.getByText("This order was made with another e-mail address than that of your account").waitFor();

    await page.goto(own);
    await page.getByRole("button", { name: "Add it to my account" }).click();
    await page.getByText("This order was made without signing in.").waitFor({ state: "detached" });
    await page.getByRole("heading", { name: "Messages" }).waitFor();
    await page.getByTestId("order-state").filter({ hasText: "Completed" }).waitFor();
  });
});

test("whoever has forgotten the password gets a mail, chooses a new one, and goes on to the shop", async ({
  task: { name },
}) => {
  await visit(browser, { ...desktop, name, expected: /40[01]/ }, async ({ page }) => {
    const person = newPerson();
    await register(page, person);
    await signOut(page, person.username);
    await page.goto(`${home}/shop/preferences`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("link", { name: "Forgot your password?" }).click();
    await page.getByLabel("E-mail address").fill(person.email);
    await page.getByRole("button", { name: "Send the mail" }).click();
    await page.getByText("If an account has this e-mail address").waitFor();
    const link = await linkTo(person.email, "reset-password");
    await page.goto(link);
    await page.getByLabel("New password").fill("password1");
    await page.getByRole("button", { name: "Save the password" }).click();
    await page.getByText("This password is among the first that attackers guess.").waitFor();
    await page.getByLabel("New password").fill("another horse battery");
    await page.getByRole("button", { name: "Save the password" }).click();
    await page.getByRole("heading", { name: "Your password is changed" }).waitFor();
    await page.getByRole("link", { name: /^Continue to/ }).click();
    await page.getByLabel("Name or e-mail address").fill(person.username);
    await page.getByLabel("Password").fill("another horse battery");
    await page.keyboard.press("Enter");

    await page.getByRole("heading", { name: "Preferences" }).waitFor();
    await page.getByRole("button", { name: `Account of ${person.username}` }).waitFor();
    // Its link was good for once.
    await page.goto(link);
    await page.getByLabel("New password").fill("a third horse battery");
    await page.getByRole("button", { name: "Save the password" }).click();
    await page.getByText("This link is not valid").waitFor();
  });
});

test("an address book is filled, edited, cleared up, and shipped to", async ({ task: { name } }) => {
  await visit(browser, { ...desktop, name, expected: /409/ }, async ({ page }) => {
    const person = newPerson();
    await register(page, person);
    await page.goto(`${home}/shop/addresses`);
    await page.getByText("There are no addresses yet.").waitFor();
    await page.getByRole("button", { name: "Add an address" }).click();
    await page.getByLabel("Country").selectOption("DE");
    await fillAddress(page, { name: "Ada", street: "Hauptstraße 1", code: "10115", town: "Berlin" });
    await page.getByRole("button", { name: "Save the address" }).click();
    const berlin = "Ada, Hauptstraße 1, 10115 Berlin, DE";
    await page.getByText(berlin).waitFor();
    await page.getByText("Default", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Add an address" }).click();
    await page.getByLabel("Country").selectOption("HK");
    // Hong Kong has no postal codes.
    expect(await page.getByLabel("Postal code").count()).toBe(0);
    await page.getByLabel("Country").selectOption("GB");
    await fillAddress(page, { name: "Ada", street: "12 St James's Square", code: "SW1Y 4JH", town: "London" });
    await page.getByRole("button", { name: "Save the address" }).click();
    const london = "Ada, 12 St James's Square, SW1Y 4JH London, GB";
    await page.getByText(london).waitFor();

    // Another tab changes it while it is edited here.
    await page.getByRole("button", { name: `Edit ${berlin}` }).click();
    await page.getByLabel("Street and number").fill("Nebenstraße 2");
    const other = await page.context().newPage();
    await other.goto(`${home}/shop/addresses`);
    await other.getByRole("button", { name: `Edit ${berlin}` }).click();
    await other.getByLabel("Street and number").fill("Marktplatz 3");
    await other.getByRole("button", { name: "Save the address" }).click();
    await other.getByText("Ada, Marktplatz 3, 10115 Berlin, DE").waitFor();
    await other.close();
    await page.getByRole("button", { name: "Save the address" }).click();
    await page.getByText("Saved elsewhere in the meantime:").waitFor();
    await page.getByText("Ada, Marktplatz 3, 10115 Berlin, DE").waitFor();
    expect(await page.getByLabel("Street and number").inputValue()).toBe("Nebenstraße 2");
    await page.getByRole("button", { name: "Save the address" }).click();
    await page.getByText("Ada, Nebenstraße 2, 10115 Berlin, DE").waitFor();

    await page.goto(`${home}/shop/products/product.mouse`);
    await page.getByRole("button", { name: "Add to cart" }).click();
    await page.getByRole("link", { name: "Go to the cart" }).click();
    await page.getByRole("link", { name: "Check out" }).click();
    const shipTo = page.getByLabel("Ship to");
    await shipTo.waitFor();
    expect(await shipTo.locator("option:checked").textContent()).toBe("Ada, Nebenstraße 2, 10115 Berlin, DE");
    await shipTo.selectOption({ label: london });
    await page.getByRole("radio", { name: "Test card", exact: true }).check();
    await page.getByRole("button", { name: /^Buy now/ }).click();
    await page.getByTestId("order-state").filter({ hasText: "Completed" }).waitFor();
    await page.getByText(`Ship to: ${london}`).waitFor();

    await page.goto(`${home}/shop/addresses`);
    await page.getByRole("button", { name: `Delete ${london}` }).click();
    await page.getByText(london).waitFor({ state: "detached" });
  });
});

test("the language is kept with the account, and applied where its person signs in", async ({ task: { name } }) => {
  const person = newPerson();
  await visit(browser, { ...desktop, name }, async ({ page }) => {
    await register(page, person);
    const saved = page.waitForResponse((answer) => answer.url().endsWith("/UpdatePreferences"));
    await page.getByRole("button", { name: "Deutsch" }).click();
    expect((await saved).status()).toBe(200);
  });
  await visit(browser, { ...desktop, name }, async ({ page }) => {
    await page.goto(home);
    await page.getByRole("heading", { name: "Products" }).waitFor();
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator("input[name=username]").fill(person.username);
    await page.locator("input[name=password]").fill(password);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Produkte" }).waitFor();
    expect(await page.evaluate("document.documentElement.lang")).toBe("de");
    await page.reload();
    await page.getByRole("button", { name: `Konto von ${person.username}` }).waitFor();
    await page.getByRole("heading", { name: "Produkte" }).waitFor();
  });
});

test("a product shows its picture from where the shop allows it, and else a drawn one", async ({ task: { name } }) => {
  const { products } = shop.shop;
  const price = { currencyCode: "USD", minorUnits: 1250n };
  const make = async (title: string, pictureUrl: string) => {
    const { product } = await products.createProduct({ product: { title, price, pictureUrl }, initialOnHand: 5 });
    return product?.id ?? "";
  };
  const shown = await make("Mug one", `${pictures}/mug.svg`);
  const broken = await make("Mug two", `${pictures}/gone.svg`);
  const foreign = await make("Mug three", "https://elsewhere.example/mug.svg");
  await visit(browser, { ...desktop, name, expected: /404/ }, async ({ page }) => {
    const asked: string[] = [];
    await page.route(/^https:/, async (route) => {
      asked.push(route.request().url());
      const found = route.request().url().endsWith("/mug.svg");
      const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"/>';
      await route.fulfill(found ? { contentType: "image/svg+xml", body: svg } : { status: 404 });
    });
    const pictureOf = async (id: string, expected: RegExp) => {
      await page.goto(`${home}/shop/products/${id}`);
      await page.getByRole("heading", { name: /^Mug/ }).waitFor();
      await expect.poll(() => page.locator("main img").getAttribute("src"), { timeout: 10_000 }).toMatch(expected);
    };
    await pictureOf(shown, /^https:\/\/images\.example\/mug\.svg$/);
    await pictureOf(broken, /^\/assets\/mug/);
    await pictureOf(foreign, /^\/assets\/mug/);
    expect(asked.filter((url) => !url.startsWith(pictures))).toEqual([]);
    await page.goto(`${home}/?q=mug`);
    await page.getByRole("link", { name: "Mug one" }).waitFor();
    expect(await page.locator(`img[src="${pictures}/mug.svg"]`).count()).toBe(1);
  });
});

test.each([
  ["light", desktop],
  ["dark", desktop],
  ["light", phone],
] as const)(
  "axe finds nothing serious on the pages of an account, and all of them fit: %s, %j",
  async (colorScheme, on) => {
    await visit(
      browser,
      { ...on, colorScheme, name: `account axe ${colorScheme}`, expected: /40[0139]/ },
      async ({ page }) => {
        const found: Record<string, string[]> = {};
        const look = async (what: string) => {
          const problems = await seriousProblems(page);
          if (problems.length > 0 || (await isTooWide(page))) {
            found[what] = [...problems, ...((await isTooWide(page)) ? ["too wide"] : [])];
          }
        };
        const person = newPerson();
        await buyAsGuest(page, person.email);
        await page.goto(`${home}/shop/orders`);
        await look("orders of a guest");
        await page.getByRole("main").getByRole("button", { name: "Create an account" }).click();
        await page.getByRole("heading", { name: "Create an account" }).waitFor();
        await look("register");
        await page.getByLabel("Name to sign in with").fill("alice");
        await page.getByLabel("E-mail address").fill(person.email);
        await page.getByLabel("Password").fill(password);
        await page.getByRole("button", { name: "Create the account" }).click();
        await page.getByText("This name is taken.").waitFor();
        await look("register, refused");
        await page.getByLabel("Name to sign in with").fill(person.username);
        await page.getByLabel("Password").fill(password);
        await page.getByRole("button", { name: "Create the account" }).click();
        await page.getByText("A mail is on its way").waitFor();
        await look("registered");
        await page.goto(await linkTo(person.email, "confirm-email"));
        await look("confirm");
        await page.getByRole("button", { name: "Confirm" }).click();
        await page.getByRole("link", { name: /^Continue to/ }).waitFor();
        await look("confirmed");
        await page.goto(`${home}/oidc/forgot-password`);
        await look("forgot");
        await page.getByLabel("E-mail address").fill("nobody@example.com");
        await page.getByRole("button", { name: "Send the mail" }).click();
        await page.getByText("If an account has this e-mail address").waitFor();
        await look("forgot, sent");
        await page.goto(`${home}/oidc/reset-password?token=${"x".repeat(43)}`);
        await look("reset");
        await page.getByLabel("New password").fill("another horse battery");
        await page.getByRole("button", { name: "Save the password" }).click();
        await page.getByText("This link is not valid").waitFor();
        await look("reset, refused");
        await page.goto(`${home}/shop/orders`);
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByLabel("Name or e-mail address").waitFor();
        await look("sign in");
        await page.getByLabel("Name or e-mail address").fill(person.username);
        await page.getByLabel("Password").fill(password);
        await page.keyboard.press("Enter");
        await page.getByText("Add the order from before").waitFor();
        await look("orders with a claim");
        await page.goto(`${home}/shop/addresses`);
        await page.getByText("There are no addresses yet.").waitFor();
        await look("addresses, none");
        await page.getByRole("button", { name: "Add an address" }).click();
        await look("addresses, new");
        await page.getByLabel("Country").selectOption("DE");
        await fillAddress(page, { name: "Ada", street: "Hauptstraße 1", code: "10115", town: "Berlin" });
        await page.getByRole("button", { name: "Save the address" }).click();
        await page.getByText("Ada, Hauptstraße 1, 10115 Berlin, DE").waitFor();
        await look("addresses");
        expect(found).toEqual({});
      },
    );
  },
);

test("the keyboard alone registers, without a script", async ({ task: { name } }) => {
  await visit(browser, { ...desktop, name, javaScriptEnabled: false }, async ({ page }) => {
    const { username, email } = newPerson();
    await page.goto(await registrationFrom(page));
    await page.keyboard.type(username);
    await page.keyboard.press("Tab");
    await page.keyboard.type(email);
    await page.keyboard.press("Tab");
    await page.keyboard.type(password);
    await page.keyboard.press("Enter");
    await page.getByText(`A mail is on its way to ${email}.`).waitFor();
  });
});

test("after all that, the books add up", async () => {
  expect(await shop.breaches()).toEqual([]);
});

/** Returns the address at which the shop begins a registration; its own page would need a script. */
async function registrationFrom(page: Page): Promise<string> {
  const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
  const query = new URLSearchParams({
    ...{ client_id: "sagacart-web", response_type: "code", scope: "openid", prompt: "create", state: "s" },
    ...{ redirect_uri: `${home}/shop/signed-in`, code_challenge: challenge, code_challenge_method: "S256" },
  });
  await page.goto(`${home}/oidc/auth?${query}`);
  return page.url();
}

/** Returns the link with a token in the newest mail to an address. */
async function linkTo(email: string, path: "confirm-email" | "reset-password"): Promise<string> {
  return await until(`a mail to ${email} with a link to ${path}`, async () => {
    const { messages } = await shop.shop.mailbox.listMailboxMessages({ to: email });
    const links = messages.flatMap(
      ({ text }) => new RegExp(`http\\S+/oidc/${path}\\?token=[\\w-]{43}`).exec(text) ?? [],
    );
    return links[0];
  });
}

/** Registers somebody from the shop, confirms the address, and comes back signed in. */
async function register(page: Page, { username, email }: { username: string; email: string }): Promise<void> {
  await page.goto(`${home}/shop/orders`);
  await page.getByRole("main").getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("Name to sign in with").fill(username);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Create the account" }).click();
  await page.getByText(`A mail is on its way to ${email}.`).waitFor();
  const waiting = page.url();
  await page.goto(await linkTo(email, "confirm-email"));
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("Your e-mail address is confirmed").waitFor();
  await page.goto(waiting);
  await page.getByRole("button", { name: /^Continue to/ }).click();
  await page.getByRole("button", { name: `Account of ${username}` }).waitFor();
}

async function signOut(page: Page, username: string): Promise<void> {
  await page.getByRole("button", { name: `Account of ${username}` }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.waitForURL(/\/oidc\/logout/);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${home}/`);
}

/** Buys a mouse without an account, and waits for the order's end. */
async function buyAsGuest(page: Page, email: string): Promise<void> {
  await page.goto(`${home}/shop/products/product.mouse`);
  await page.getByRole("button", { name: "Add to cart" }).click();
  await page.getByRole("link", { name: "Go to the cart" }).click();
  await page.getByRole("link", { name: "Check out" }).click();
  await page.getByLabel("E-mail").fill(email);
  await fillAddress(page, { name: "Ada", street: "12 St James's Square", code: "SW1Y 4JH", town: "London" });
  await page.getByRole("button", { name: /^Buy now/ }).click();
  await page.getByTestId("order-state").filter({ hasText: "Completed" }).waitFor();
}

type Typed = { readonly name: string; readonly street: string; readonly code: string; readonly town: string };

async function fillAddress(page: Page, { name, street, code, town }: Typed): Promise<void> {
  await page.getByLabel(/^Name/).fill(name);
  await page.getByLabel("Street and number").fill(street);
  await page.getByLabel("Postal code").fill(code);
  await page.getByLabel("Town").fill(town);
}
