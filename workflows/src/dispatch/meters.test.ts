import { create } from "@bufbuild/protobuf";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { CommandSchema } from "@sagacart/proto/command/v1/command";
import { expect, test } from "vitest";
import { createMeters } from "./meters.ts";

/** A UUIDv7 with this time. */
function idOf(ms: number): string {
  const time = ms.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`;
}

test("the wait of a claim's oldest command is measured by the time in its id", async () => {
  const metrics = createMetrics("worker");
  const meters = createMeters(metrics, 4);
  const command = (ms: number) => create(CommandSchema, { id: idOf(ms), kind: "CHECKOUT" });
  meters.claimed([]);
  meters.claimed([command(Date.now() - 7_000), command(Date.now())]);
  // Recorded by a clock that is ahead of ours, and an id that is not a UUIDv7.
  meters.claimed([command(Date.now() + 60_000)]);
  meters.claimed([create(CommandSchema, { id: "b5a1c8f0-0000-4000-8000-000000000000", kind: "CHECKOUT" })]);
  const waits = await metrics.getSingleMetricAsString("sagacart_command_wait_seconds");
  expect(waits).toMatch(/_count\{[^}]*kind="CHECKOUT"[^}]*\} 2$/m);
  expect(waits).toMatch(/_bucket\{le="5"[^}]*\} 1$/m);
  expect(waits).toMatch(/_bucket\{le="10"[^}]*\} 2$/m);
});

test("a batch counts as running from its start to its end", async () => {
  const metrics = createMetrics("worker");
  const meters = createMeters(metrics, 4);
  const running = () => metrics.getSingleMetricAsString("sagacart_batches_under_way");
  const batch = meters.batch(12);
  expect(await running()).toMatch(/ 0$/m);
  batch.started();
  expect(await running()).toMatch(/ 1$/m);
  batch.ended("failed");
  expect(await running()).toMatch(/ 0$/m);
  const ended = await metrics.getSingleMetricAsString("sagacart_batch_duration_seconds");
  expect(ended).toMatch(/_count\{[^}]*outcome="failed"[^}]*\} 1$/m);
  expect(await metrics.getSingleMetricAsString("sagacart_batch_orders")).toMatch(/_sum\{[^}]*\} 12$/m);
});
