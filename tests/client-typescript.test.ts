import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProxy, type Proxy as TcpProxy } from "@sagacart/chassis/testing/proxy";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectShop as connectFromNode, type Shop, type ShopOptions } from "../clients/typescript/src/node.ts";
import { connectShop as connectFromWeb } from "../clients/typescript/src/web.ts";
import { cloneFolder } from "../scripts/clone.ts";
import { run } from "../scripts/program.ts";
import { makeProduct } from "./support/scenario.ts";
import { startShop, type TestShop, until } from "./support/shop.ts";

// The published TypeScript client against a whole shop, with what goes wrong between them.

let shop: TestShop;
let proxy: TcpProxy;
let productId: string;

beforeAll(async () => {
  shop = await startShop({ identity: { ACCESS_TOKEN_MS: "4000" } });
  const [host = "", port] = (shop.stack.addresses.gateway ?? "").split(":");
  proxy = await createProxy({ host, port: Number(port) });
  productId = await until(120_000, "a product", () => makeProduct(shop.shop, 1_000));
});

afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await shop?.[Symbol.asyncDispose]();
});

const connections: [string, (options?: ShopOptions) => Shop][] = [
  ["node, HTTP/1.1", (options) => connectFromNode({ baseUrl: `http://127.0.0.1:${proxy.port}`, ...options })],
  [
    "node, HTTP/2",
    (options) => connectFromNode({ baseUrl: `http://127.0.0.1:${proxy.port}`, httpVersion: "2", ...options }),
  ],
  ["web", (options) => connectFromWeb({ baseUrl: `http://127.0.0.1:${proxy.port}`, ...options })],
];

/** Registers and signs in a new customer. */
async function signedIn(connect: (options?: ShopOptions) => Shop, options?: ShopOptions): Promise<Shop> {
  const client = connect(options);
  const username = `client-${crypto.randomUUID().slice(0, 8)}`;
  await client.identity.register({ username, email: `${username}@example.com`, password: `pass-${username}` });
  await client.signIn({ username, password: `pass-${username}` });
  return client;
}

async function untilRecorded(client: Shop): Promise<void> {
  await until(60_000, "the order to be recorded", async () => {
    const { orders } = await client.orders.listOrders({});
    return orders.length > 0 ? true : undefined;
  });
}

const lines = () => [{ productId, quantity: 1 }];

describe.each(connections)("over %s", (_name, connect) => {
  test("a customer signs in, buys and watches the order", async () => {
    const client = await signedIn(connect);
    const { order } = await client.orders.checkout({
      lines: lines(),
      paymentMethod: "pm_ok",
      waitFor: WaitFor.ACCEPTED,
    });
    const states: Order_State[] = [];
    for await (const { changes } of client.watchOrder(order?.id ?? "")) {
      states.push(...changes.map(({ state }) => state));
    }
    expect(states).toEqual([
      Order_State.PENDING,
      Order_State.RESERVED,
      Order_State.PAID,
      Order_State.SHIPPING,
      Order_State.COMPLETED,
    ]);
  });

  test("a checkout whose connection is cut makes one order, which is charged once", async () => {
    const client = await signedIn(connect);
    // Without a worker the order stays as it is, so that its answer cannot come before the cut.
    await shop.stack.kill("worker", "SIGKILL");
    const bought = client.orders.checkout({ lines: lines(), paymentMethod: "pm_ok" });
    await untilRecorded(client);
    await proxy.cut();
    await proxy.mend();
    await shop.stack.start("worker");
    const { order, attached } = await bought;
    expect([order?.state, attached]).toEqual([Order_State.COMPLETED, true]);
    expect((await client.orders.listOrders({})).orders).toHaveLength(1);
    const { payments } = await shop.shop.payments.listPayments({ orderId: order?.id ?? "" });
    expect(payments).toHaveLength(1);
  });

  test("an order is watched across a cut and across a gateway that is killed", async () => {
    const client = await signedIn(connect);
    const { order } = await client.orders.checkout({ lines: lines(), payLater: true, waitFor: WaitFor.PAID });
    const id = order?.id ?? "";
    const seen: bigint[] = [];
    let updates = 0;
    for await (const update of client.watchOrder(id)) {
      seen.push(...update.changes.map(({ sequence }) => sequence));
      updates++;
      if (updates === 1) {
        await proxy.cut();
        await shop.stack.kill("gateway", "SIGKILL");
        await shop.stack.start("gateway");
        await proxy.mend();
        await client.orders.payOrder({ id, paymentMethod: "pm_ok", waitFor: WaitFor.ACCEPTED });
      }
    }
    const { changes } = await client.orders.getOrder({ id });
    expect(seen).toEqual(changes.map(({ sequence }) => sequence));
    expect(changes.at(-1)?.state).toBe(Order_State.COMPLETED);
  });

  test("calls go on when the access token has expired", async () => {
    const sessions: (string | undefined)[] = [];
    const client = await signedIn(connect, { onSession: (session) => sessions.push(session?.accessToken) });
    await until(60_000, "the token to be exchanged", async () => {
      await client.orders.listOrders({});
      return sessions.length > 1 ? true : undefined;
    });
    expect(client.session?.accessToken).toBe(sessions.at(-1));
    expect(sessions).not.toContain(undefined);
  });
});

test("a checkout waits for an order service that is killed in the middle of it", async () => {
  // On a busy machine the service takes longer to start than the usual number of tries takes.
  const client = await signedIn(connections[0]![1], { retries: { tries: 50 } });
  await shop.stack.kill("worker", "SIGKILL");
  const bought = client.orders.checkout({ lines: lines(), paymentMethod: "pm_ok" });
  await untilRecorded(client);
  await shop.stack.kill("order", "SIGKILL");
  await shop.stack.start("order");
  await shop.stack.start("worker");
  expect((await bought).order?.state).toBe(Order_State.COMPLETED);
  expect((await client.orders.listOrders({})).orders).toHaveLength(1);
});

test("the gateway's limit is an error with its reason and the time to wait", async () => {
  await shop.stack.kill("gateway", "SIGTERM");
  await shop.stack.start("gateway", { WRITES_PER_MINUTE: "3" });
  try {
    const client = await signedIn(connections[0]![1]);
    const adding = async () => {
      for (let n = 0; n < 10; n++) {
        await client.carts.createCart({});
      }
    };
    await expect(adding()).rejects.toMatchObject({ reason: "TOO_MANY_REQUESTS", outcome: "not-done" });
    await expect(adding()).rejects.toSatisfy(({ retryAfterMs }) => retryAfterMs > 0 && retryAfterMs <= 60_000);
  } finally {
    await shop.stack.kill("gateway", "SIGTERM");
    await shop.stack.start("gateway");
  }
});

describe("the package", () => {
  const folder = mkdtempSync(join(tmpdir(), "sagacart-client-"));
  const modules = join(folder, "node_modules");
  const installed = join(modules, "@sagacart/client");

  beforeAll(() => {
    const from = join(cloneFolder, "clients/typescript");
    const packed = execFileSync("npm", ["pack", "--json", "--silent", "--pack-destination", folder], { cwd: from });
    const [{ filename }] = JSON.parse(packed.toString().slice(packed.indexOf("[")));
    mkdirSync(installed, { recursive: true });
    execFileSync("tar", ["--extract", "--strip-components=1", "--file", join(folder, filename), "-C", installed]);
    const dependencies = Object.keys(JSON.parse(readFileSync(join(from, "package.json"), "utf8")).dependencies);
    for (const name of [...dependencies, "typescript", "@types/node", "undici-types"]) {
      mkdirSync(join(modules, name, ".."), { recursive: true });
      symlinkSync(join(cloneFolder, "node_modules", name), join(modules, name));
    }
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("is JavaScript that runs the README's example, which is example.js", async () => {
    const example = readFileSync(join(cloneFolder, "clients/typescript/example.js"), "utf8");
    const [, shown] = /```js\n(.*?)```/s.exec(readFileSync(join(installed, "README.md"), "utf8")) ?? [];
    expect(shown).toBe(example);
    writeFileSync(join(folder, "example.js"), example);
    const env = { ...process.env, SHOP_URL: `http://${shop.stack.addresses.gateway}` };
    const printed = await run(process.execPath, ["--no-experimental-strip-types", "example.js"], { cwd: folder, env });
    expect(printed).toMatch(/ STATE_COMPLETED\n(?:PRICE_CHANGED|CURRENCY_MISMATCH) /);
  });

  test("has types that a strict program can use", async () => {
    const program = `
      import { connectShop, isShopError, type Shop } from "@sagacart/client";
      import { WebhookService } from "@sagacart/client/proto/notifier/v1/webhook_service";
      const shop: Shop = connectShop({ baseUrl: "http://127.0.0.1:8080" });
      const { order } = await shop.orders.checkout({ lines: [{ productId: "mug", quantity: 1 }] });
      const total: bigint | undefined = order?.total?.minorUnits;
      await shop.client(WebhookService).listWebhookEndpoints({}).catch((error: unknown) => {
        if (isShopError(error, "ROLE_REQUIRED")) console.log(error.reason, total);
      });
      // @ts-expect-error There is no such field.
      await shop.orders.checkout({ product: "mug" });
    `;
    writeFileSync(join(folder, "program.ts"), program);
    const options = [
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2024",
      "--types",
      "node",
      "--noEmit",
      "--skipLibCheck",
    ];
    await run(join(cloneFolder, "node_modules/.bin/tsc"), [...options, "program.ts"], { cwd: folder });
  });

  test("is bundled for a browser without anything of Node's", async () => {
    writeFileSync(
      join(folder, "page.js"),
      `import { connectShop } from "@sagacart/client"; globalThis.shop = connectShop;`,
    );
    const built = await build({
      root: folder,
      configFile: false,
      logLevel: "silent",
      build: { write: false, rollupOptions: { input: join(folder, "page.js") } },
    });
    const { output } = [built].flat()[0] as { output: { code: string }[] };
    const code = output.map((chunk) => chunk.code).join("");
    expect(code).not.toMatch(/node:|__vite-browser-external|require\(/);
    expect(code).toContain("ShopError");
  });
});

test("the laws hold after all tests of this file", async () => {
  expect(await shop.breaches()).toEqual([]);
});
