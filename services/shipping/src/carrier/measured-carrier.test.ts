import { create } from "@bufbuild/protobuf";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { AddressSchema } from "@sagacart/proto/type/v1/address";
import { expect, test } from "vitest";
import { measuredCarrier } from "./measured-carrier.ts";

test("calls to the carrier are measured by their answer, and errors pass through", async () => {
  const metrics = createMetrics("shipping");
  const carrier = measuredCarrier(
    {
      create: async () => ({ kind: "pending" }),
      cancel: async () => {
        throw new Error("nobody answers");
      },
    },
    metrics,
  );
  const { signal } = new AbortController();
  expect(await carrier.create("1", create(AddressSchema), signal)).toEqual({ kind: "pending" });
  await expect(carrier.cancel("1", signal)).rejects.toThrow("nobody answers");
  const text = await metrics.getSingleMetricAsString("shipping_carrier_call_duration_seconds");
  expect(text).toMatch(/_count\{[^}]*kind="create",answer="pending"[^}]*\} 1$/m);
  expect(text).toMatch(/_count\{[^}]*kind="cancel",answer="failed"[^}]*\} 1$/m);
});
