import { uuidv7 } from "@sagacart/chassis/uuid";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { onlyAfterFailures, others } from "../k8s/monitoring/others.ts";
import { readQuery } from "../k8s/monitoring/promql.ts";
import { allQueries } from "../k8s/monitoring/queries.ts";
import { readRules } from "../k8s/monitoring/rules.ts";
import { audit } from "../scripts/audit/audit.ts";
import { type Watch, watchAudit } from "../scripts/audit/watch.ts";
import { auditedDatabases, deployedNames } from "../scripts/shop.ts";
import { callerOf, signUp } from "./support/caller.ts";
import { makeCustomer, makeProduct, placeOneOfEach } from "./support/scenario.ts";
import { startShop, type TestShop, until, untilFinal } from "./support/shop.ts";

// The metrics that dashboards and alert rules read exist in a running shop, with the names and labels that they use.

let test_: TestShop;
let watch: Watch;
beforeAll(async () => {
  test_ = await startShop();
  const { shop, stack } = test_;
  const orders = await placeOneOfEach(shop);
  await Promise.all([...orders.keys()].map((id) => untilFinal(shop, id)));
  await payLater();
  const call = callerOf(stack);
  await signUp(call, "ada");
  expect(await call("GET /v1/products")).toMatchObject({ status: 200 });
  const urls = Object.fromEntries(auditedDatabases.map((name) => [name, stack.auditUrl(name)]));
  const { promise, resolve } = Promise.withResolvers<unknown>();
  watch = await watchAudit({
    // A url was just made for each of them.
    audit: () => audit({ urls: urls as Parameters<typeof audit>[0]["urls"] }),
    ...{ everyMs: 600_000, host: "127.0.0.1", port: 0, onResult: resolve },
  });
  await promise;
});
afterAll(async () => {
  await watch?.[Symbol.asyncDispose]();
  await test_?.[Symbol.asyncDispose]();
});

/** Completes an order that waits for its payment, so that an order has its own workflow. */
async function payLater(): Promise<void> {
  const { shop } = test_;
  const orderId = uuidv7();
  const customerId = await makeCustomer(shop, 1_000n);
  const lines = [{ productId: await makeProduct(shop, 5), quantity: 1 }];
  await shop.orders.checkout({ orderId, customerId, lines, payLater: true, waitFor: WaitFor.RESERVED });
  await until(60_000, "the order to wait for its customer", async () => {
    const { order } = await shop.orders.getOrder({ id: orderId });
    return order?.state === Order_State.AWAITING_PAYMENT ? order : undefined;
  });
  await shop.orders.payOrder({ id: orderId });
  expect((await untilFinal(shop, orderId)).state).toBe(Order_State.COMPLETED);
}

/** All metrics, with the labels of their series. */
async function scrape(): Promise<Map<string, Set<string>>> {
  const { ports } = test_.stack;
  const admin = [...deployedNames.map((name) => ports[name] + 1_000), ports["worker-admin"], watch.port];
  const metrics = new Map<string, Set<string>>();
  for (const port of admin) {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    for (const [, name = "", type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      for (const suffix of type === "histogram" ? ["_bucket", "_sum", "_count"] : [""]) {
        metrics.set(`${name}${suffix}`, metrics.get(`${name}${suffix}`) ?? new Set());
      }
    }
    for (const [, name = "", labels = ""] of text.matchAll(/^([a-z_]\w*)(?:\{(.*)\})? \S+$/gm)) {
      for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) {
        metrics.get(name)?.add(label);
      }
    }
  }
  return metrics;
}

test("each metric that a dashboard or a rule reads is exported, with the labels that it uses", async () => {
  const { recordings } = await readRules();
  const recorded = new Set(recordings.map(({ record }) => record));
  const isOurs = (metric: string) => !recorded.has(metric) && !onlyAfterFailures.has(metric) && !(metric in others);
  const metrics = await until(60_000, "each service to have asked its database", async () => {
    const told = await scrape();
    return (told.get("sagacart_orders")?.size ?? 0) > 0 && (told.get("sagacart_reservations")?.size ?? 0) > 0
      ? told
      : undefined;
  });
  const missing: string[] = [];
  for (const { where, query } of await allQueries()) {
    const { selectors, groupings } = readQuery(query);
    const ours = selectors.filter(({ metric }) => isOurs(metric));
    for (const { metric, labels } of ours) {
      const known = metrics.get(metric);
      if (known === undefined) {
        missing.push(`${where}: no process exports ${metric}`);
      } else if (known.size > 0) {
        const unknown = labels.filter((label) => !known.has(label) && !ofTheTarget.has(label));
        missing.push(...unknown.map((label) => `${where}: ${metric} has no label ${label}, only ${[...known]}`));
      }
    }
    const all = new Set(ours.flatMap(({ metric }) => [...(metrics.get(metric) ?? [])]));
    const withSeries = ours.length === selectors.length && ours.every(({ metric }) => metrics.get(metric)?.size !== 0);
    const strange = withSeries ? groupings.filter((label) => !all.has(label) && !ofTheTarget.has(label)) : [];
    missing.push(...strange.map((label) => `${where}: grouped by ${label}, which none of its metrics has`));
  }
  expect(missing).toEqual([]);
});

/** Labels that Prometheus adds to every target. */
const ofTheTarget = new Set(["namespace", "pod", "job", "instance"]);

test("no metric has a label that the Prometheus operator would rename, except Temporal's", async () => {
  const metrics = await scrape();
  const renamed = [...metrics].filter(
    ([name, labels]) =>
      !name.startsWith("temporal_") &&
      ["namespace", "pod", "job", "instance", "service", "container", "endpoint"].some((label) => labels.has(label)),
  );
  expect(renamed).toEqual([]);
});
