import { create } from "@bufbuild/protobuf";
import { OrderChangeSchema } from "@sagacart/proto/order/v1/order";
import { expect, test } from "vitest";
import { traceIdsOf, traceUrl } from "./trace-ids.ts";

const changesOf = (...traceIds: string[]) => traceIds.map((traceId) => create(OrderChangeSchema, { traceId }));

test("an order's traces are those of its changes, each once, the first first", () => {
  expect(traceIdsOf(changesOf("b", "a", "a", "", "b", "c"))).toEqual(["b", "a", "c"]);
  expect(traceIdsOf(changesOf("", ""))).toEqual([]);
  expect(traceIdsOf(changesOf(...Array.from({ length: 80 }, (_, n) => `${n}`)))).toHaveLength(50);
});

test("the id of a trace is put wherever the template says, and nothing else of it is changed", () => {
  const template = "https://grafana.example/explore?left={traceId}&again={traceId}&other={orderId}";
  expect(traceUrl(template, "ab/c")).toBe("https://grafana.example/explore?left=ab%2Fc&again=ab%2Fc&other={orderId}");
});
