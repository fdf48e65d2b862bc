import { expect, test } from "vitest";
import { silentLog } from "../testing/log.ts";
import { startLoop } from "./loop.ts";
import { clientMeter, createMetrics, serverMeter } from "./metrics.ts";

test("a call is in flight from begin() to observe()", async () => {
  const metrics = createMetrics("test");
  const meter = serverMeter(metrics);
  const inFlight = () => metrics.getSingleMetricAsString("rpc_server_in_flight");

  meter.begin();
  meter.begin();
  expect(await inFlight()).toContain('rpc_server_in_flight{app="test"} 2');
  meter.observe({ rpc_service: "shop.Carts", rpc_method: "Get", code: "ok" }, 0.002);
  expect(await inFlight()).toContain('rpc_server_in_flight{app="test"} 1');
  expect(await metrics.getSingleMetricAsString("rpc_server_duration_seconds")).toMatch(
    /^rpc_server_duration_seconds_count\{.*rpc_service="shop.Carts",rpc_method="Get",code="ok".*\} 1$/m,
  );
});

test("a registry has one meter of each kind", () => {
  const metrics = createMetrics("test");
  expect(serverMeter(metrics)).toBe(serverMeter(metrics));
  expect(clientMeter(metrics)).not.toBe(serverMeter(metrics));
  expect(clientMeter(createMetrics("other"))).not.toBe(clientMeter(metrics));
});

test("the event loop's utilization since the last scrape is between 0 and 1", async () => {
  const metrics = createMetrics("test");
  await metrics.metrics();
  const text = await metrics.getSingleMetricAsString("nodejs_eventloop_utilization");
  const value = Number(/\} (\S+)$/.exec(text)?.[1]);
  expect(value).toBeGreaterThanOrEqual(0);
  expect(value).toBeLessThanOrEqual(1);
});

test("failed rounds are counted by the loop's name", async () => {
  const metrics = createMetrics("test");
  const loop = startLoop({
    name: "counted",
    log: silentLog,
    run: async () => {
      throw new Error("no database");
    },
  });
  await expect
    .poll(() => metrics.getSingleMetricAsString("sagacart_loop_failures_total"))
    .toMatch(/^sagacart_loop_failures_total\{loop="counted",app="test"\} [1-9]/m);
  await loop[Symbol.asyncDispose]();
});
