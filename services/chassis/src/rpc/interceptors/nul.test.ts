import { create } from "@bufbuild/protobuf";
import { type Client, Code, createClient } from "@connectrpc/connect";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { BatchCreateShipmentsResponseSchema, ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { expect, test } from "vitest";
import { errorInfo } from "../../errors.ts";
import { inMemory } from "../../testing/in-memory.ts";

const shipping: Client<typeof ShippingService> = createClient(
  ShippingService,
  inMemory((router) => {
    router.service(ShippingService, {
      batchCreateShipments: () => create(BatchCreateShipmentsResponseSchema),
      receiveWebhook: () => ({}),
    });
  }, "shipping.sagacart"),
);

const address = { recipient: "Ada", line1: "12 Square", city: "London", postalCode: "SW1Y 4JH", countryCode: "GB" };
const item = { orderId: "o-1", customerId: "c-1", address };

test("a text with a NUL byte is refused, naming the field", async () => {
  const items = [item, { ...item, orderId: "o-2", address: { ...address, city: "Lon\0don" } }];
  expect(errorInfo(await shipping.batchCreateShipments({ items }).catch((error) => error))).toMatchObject({
    code: Code.InvalidArgument,
    message: "items[1].address.city: must not contain a NUL byte",
    violations: [{ field: "items[1].address.city", ruleId: "string.no_nul" }],
  });
});

test("the request of a stream is checked like any other", async () => {
  const events = createClient(
    EventService,
    inMemory((router) => {
      router.service(EventService, {
        async *subscribeEvents({ consumer }) {
          yield { nextPosition: BigInt(consumer.length) };
        },
      });
    }, "order.sagacart"),
  );
  const first = async (consumer: string) => {
    for await (const { nextPosition } of events.subscribeEvents({ consumer })) {
      return nextPosition;
    }
    return undefined;
  };
  expect(await first("mine")).toBe(4n);
  expect(errorInfo(await first("mi\0ne").catch((error) => error))).toMatchObject({
    code: Code.InvalidArgument,
    message: "consumer: must not contain a NUL byte",
  });
});

test("texts without one and bytes with one go through", async () => {
  await expect(shipping.batchCreateShipments({ items: [item] })).resolves.toBeDefined();
  const body = new Uint8Array([0, 1, 0]);
  await expect(shipping.receiveWebhook({ provider: "carrier", body })).resolves.toBeDefined();
});
