import { testAccess } from "@sagacart/chassis/testing/access-tests";
import type { ListShipmentsResponse } from "@sagacart/proto/shipping/v1/shipping_service";
import { startTestShipping } from "./testing/stack.ts";

testAccess(async () => {
  const service = await startTestShipping();
  await service.shipping.batchCreateShipments({ items: [{ orderId: "o-1", customerId: "victim" }] });
  return {
    ...service,
    domain: "shipping.sagacart",
    things: { GetShipment: { id: "o-1", ask: (orderId) => ({ orderId }) } },
    lists: { ListShipments: { ask: {}, count: ({ shipments }: ListShipmentsResponse) => shipments.length } },
    ofCaller: [],
  };
});
