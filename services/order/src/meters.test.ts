import { createMetrics } from "@sagacart/chassis/process/metrics";
import { expect, test } from "vitest";
import { createMeters } from "./meters.ts";

test("moves, ends with their reasons, and durations of orders are counted", async () => {
  const metrics = createMetrics("order");
  const meters = createMeters(metrics);
  const order = { endsAs: undefined, createTime: new Date(Date.now() - 400) };
  meters.recorded(3);
  meters.moved([
    { ...order, state: "COMPLETED", passed: ["SHIPPING", "COMPLETED"], reason: "" },
    { ...order, state: "REJECTED", passed: ["REJECTED"], reason: "OUT_OF_STOCK" },
    { ...order, state: "CANCELLED", passed: ["CANCELLED"], reason: "whatever a caller says" },
    // A repeat that changes nothing.
    { ...order, state: "COMPLETED", passed: [], reason: "" },
  ]);
  const text = await metrics.metrics();
  const value = (name: string, labels: string) =>
    new RegExp(`^${name}\\{(?:[^}]*,)?${labels}[^}]*\\} (\\S+)$`, "m").exec(text)?.[1];

  expect(value("sagacart_order_moves_total", 'state="PENDING"')).toBe("3");
  expect(value("sagacart_order_moves_total", 'state="COMPLETED"')).toBe("1");
  expect(value("sagacart_orders_ended_total", 'state="COMPLETED",reason=""')).toBe("1");
  expect(value("sagacart_orders_ended_total", 'state="REJECTED",reason="OUT_OF_STOCK"')).toBe("1");
  expect(value("sagacart_orders_ended_total", 'state="CANCELLED",reason="OTHER"')).toBe("1");
  expect(value("sagacart_order_duration_seconds_count", 'state="COMPLETED"')).toBe("1");
  expect(value("sagacart_order_duration_seconds_bucket", 'le="0.25".*state="COMPLETED"')).toBe("0");
  expect(value("sagacart_order_duration_seconds_bucket", 'le="60".*state="COMPLETED"')).toBe("1");
});
