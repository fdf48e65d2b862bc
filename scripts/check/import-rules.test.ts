import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cloneFolder } from "../clone.ts";
import { runToEnd } from "../program.ts";

/** A file, its text, and a part of Biome's expected message; undefined if the import is allowed. */
type Planted = readonly [file: string, text: string, message: string | undefined];

const noDomain = "The chassis depends on no domain";
const noOtherService = "A service imports no other service";
const byRpc = "Use a service through its RPCs";
const sandbox = "Workflow code runs in Temporal's sandbox";

const planted: readonly Planted[] = [
  // 1
  ["proto/planted.ts", 'import "@sagacart/chassis/errors";', "The contract imports none of our packages"],
  ["services/chassis/src/planted.ts", 'import "@sagacart/proto/order/v1/order";', noDomain],
  ["services/chassis/src/planted-call.ts", 'await import("@sagacart/proto/order/v1/order");', noDomain],
  ["services/chassis/src/planted-export.ts", 'export { a } from "@sagacart/outbox/events/feed";', noDomain],
  ["services/chassis/src/right.ts", 'import "@sagacart/proto/type/v1/money";', undefined],
  // 2
  ["services/outbox/src/planted.ts", 'import "@sagacart/provider/queue";', "A shared package imports only the chassis"],
  ["services/outbox/src/right.ts", 'import "@sagacart/chassis/errors";', undefined],
  ["services/order/src/planted.ts", 'import "@sagacart/stock/levels/level";', noOtherService],
  ["services/order/src/planted-path.ts", 'import "../../stock/src/levels/level.ts";', noOtherService],
  ["services/order/src/planted-script.ts", 'import "../../../scripts/shop.ts";', "Production code imports"],
  ["services/order/src/right.ts", 'import "@sagacart/outbox/events/feed";', undefined],
  ["workflows/src/planted.ts", 'import "@sagacart/order/compose";', "The worker imports the chassis"],
  // 3
  ["services/order/src/main.ts", 'import "./carts/cart-store.ts";', "main only starts"],
  ["services/order/src/carts/cart-service.ts", 'import "../compose.ts";', "RPC handlers are wired by compose"],
  ["services/order/src/carts/cart-store.ts", 'import "./cart-service.ts";', "A store is SQL and nothing else"],
  ["services/order/src/carts/cart.ts", 'import "./cart-store.ts";', "A domain file is pure"],
  ["services/stock/src/products/product.ts", 'import "node:fs/promises";', "A domain file is pure"],
  ["services/stock/src/levels/level.ts", 'import "pg";', "A domain file is pure"],
  ["services/payment/src/payments/payment.ts", 'import "@sagacart/chassis/client/client";', "A domain file is pure"],
  ["services/order/src/compose.ts", 'import "./carts/quote-service.ts";', undefined],
  ["services/identity/src/users/user.ts", 'import "@sagacart/chassis/errors";', undefined],
  // 4
  ["workflows/src/sagas/planted.ts", 'import { setTimeout } from "node:timers";', sandbox],
  ["workflows/src/sagas/planted-ours.ts", 'import { open } from "../clients.ts";', sandbox],
  ["workflows/src/sagas/planted-inline.ts", 'import { type Open, open } from "../clients.ts";', sandbox],
  ["workflows/src/sagas/right.ts", 'import type { Open } from "../clients.ts";', undefined],
  ["workflows/src/sagas/right-too.ts", 'import { sleep } from "@temporalio/workflow";', undefined],
  // 5
  ["tests/planted.test.ts", 'import "../services/order/src/config.ts";', byRpc],
  ["bench/planted.ts", 'import "../workflows/src/sagas/plan.ts";', byRpc],
  ["k8s/planted.ts", 'import "@sagacart/gateway/v1";', byRpc],
  ["scripts/planted.ts", 'import "../services/chassis/src/errors.ts";', byRpc],
  ["charts/tests/planted.ts", 'import "../../services/order/src/config.ts";', byRpc],
  ["scripts/right.ts", 'import "@sagacart/chassis/errors";', undefined],
  ["tests/right.test.ts", 'import "@sagacart/notifier/testing/receiver";', undefined],
  // 6
  ["services/order/src/a.ts", 'import type { B } from "./b.ts";\nexport type A = { b: B };', "part of a cycle"],
  ["services/order/src/b.ts", 'import type { A } from "./a.ts";\nexport type B = { a: A };', "part of a cycle"],
  ["services/order/src/carts/index.ts", 'export * from "./cart.ts";', "Do not use export all"],
];

const folder = mkdtempSync(join(tmpdir(), "sagacart-import-rules-"));
const found = new Map<string, string[]>();

beforeAll(async () => {
  cpSync(join(cloneFolder, "biome.json"), join(folder, "biome.json"));
  cpSync(join(cloneFolder, "scripts/check"), join(folder, "scripts/check"), {
    recursive: true,
    filter: (path) => !path.endsWith(".test.ts"),
  });
  for (const [file, text] of planted) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), `${text}\n`);
  }
  const biome = join(cloneFolder, "node_modules/.bin/biome");
  const args = ["lint", "--vcs-enabled=false", "--max-diagnostics=1000", "--reporter=json", "."];
  const { stdout } = await runToEnd(biome, args, { cwd: folder });
  for (const { message, location } of JSON.parse(stdout).diagnostics) {
    found.set(location.path, [...(found.get(location.path) ?? []), message]);
  }
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

test.for(planted.filter(([, , message]) => message !== undefined))("%s must not contain %j", ([file, , message]) => {
  expect(found.get(file)).toContainEqual(expect.stringContaining(message ?? ""));
});

test.for(planted.filter(([, , message]) => message === undefined))("%s may contain %j", ([file]) => {
  const ofRules = (found.get(file) ?? []).filter((message) =>
    planted.some(([, , known]) => known && message.includes(known)),
  );
  expect(ofRules).toEqual([]);
});
