import type { DescMethod } from "@bufbuild/protobuf";
import type { UnaryRequest } from "@connectrpc/connect";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { traceClicks } from "./trace.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A page, and a function that makes a call from it and returns the header that it was sent with. */
function aPage(ratio = 1) {
  const page = new EventTarget();
  const intercept = traceClicks(ratio, page);
  const call = async (method: DescMethod): Promise<string | null> => {
    const header = new Headers();
    await intercept(async () => ({}) as never)({ method, header } as UnaryRequest);
    return header.get("traceparent");
  };
  return { page, call };
}

const { checkout, cancelOrder, getOrder, listOrders } = OrderService.method;
const { addCartItem } = CartService.method;
const traceOf = (header: string | null) => header?.slice(3, 35);

test("a click's calls are one trace, which is recorded", async () => {
  const { call } = aPage();
  const [first, second] = [await call(addCartItem), await call(checkout)];
  expect(first).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/);
  expect(second).toBe(first);
});

test.each(["click", "submit"])("the next %s begins another trace", async (event) => {
  const { page, call } = aPage();
  const first = await call(checkout);
  page.dispatchEvent(new Event(event));
  expect(traceOf(await call(cancelOrder))).not.toBe(traceOf(first));
});

test("what a page does by itself long after a click is another trace", async () => {
  const { call } = aPage();
  const first = await call(checkout);
  vi.advanceTimersByTime(9_000);
  expect(await call(checkout)).toBe(first);
  vi.advanceTimersByTime(2_000);
  expect(traceOf(await call(checkout))).not.toBe(traceOf(first));
});

test.each([getOrder, listOrders])("$name, which only reads, begins no trace here", async (method) => {
  expect(await aPage().call(method)).toBeNull();
});

test("the share of clicks decides, also against: the gateway is not to choose again", async () => {
  expect(await aPage(0).call(checkout)).toMatch(/-00$/);
  const random = vi.spyOn(Math, "random").mockReturnValue(0.05);
  expect(await aPage(0.1).call(checkout)).toMatch(/-01$/);
  random.mockReturnValue(0.1);
  expect(await aPage(0.1).call(checkout)).toMatch(/-00$/);
  random.mockRestore();
});
