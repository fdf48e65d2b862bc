import { errorInfo } from "@sagacart/chassis/errors";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { expect, test } from "vitest";
import { startOrderService } from "../testing/order.ts";

test("a page token holds for the same states in any order, however often each is named", async () => {
  await using service = await startOrderService();
  const customerId = "customer-1";
  for (let count = 0; count < 3; count++) {
    const lines = [{ productId: "mug", quantity: 1 }];
    await service.orders.checkout({ customerId, lines, waitFor: WaitFor.ACCEPTED });
  }
  const states = [Order_State.PENDING, Order_State.PAID, Order_State.REJECTED];
  const first = await service.orders.listOrders({ customerId, states, pageSize: 1 });
  const { orders: rest } = await service.orders.listOrders({ customerId, states, pageToken: first.nextPageToken });
  expect(rest).toHaveLength(2);
  for (const same of [states.toReversed(), [...states, ...states], [Order_State.REJECTED, ...states]]) {
    const page = await service.orders.listOrders({ customerId, states: same, pageToken: first.nextPageToken });
    expect(page.orders.map(({ id }) => id)).toEqual(rest.map(({ id }) => id));
  }
  const other = service.orders.listOrders({ customerId, states: states.slice(1), pageToken: first.nextPageToken });
  expect(errorInfo(await other.catch((error: unknown) => error)).reason).toBe("BAD_PAGE_TOKEN");
});
