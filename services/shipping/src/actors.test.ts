import { createClient } from "@connectrpc/connect";
import { testActors } from "@sagacart/chassis/testing/actor-tests";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { startTestShipping } from "./testing/stack.ts";

testActors(async () => {
  const service = await startTestShipping();

  async function newParkedWebhook(): Promise<string> {
    const id = crypto.randomUUID();
    await service.pool.query(
      `insert into webhooks (provider, id, body, tries, next_try_time, park_time)
       values ('carrier', $1, '{}', 30, null, now())`,
      [id],
    );
    return id;
  }

  const reader = "a reader's position";
  return {
    ...service,
    domain: "shipping.sagacart",
    byHand(transport) {
      const shipping = createClient(ShippingService, transport);
      return {
        async RetryParkedWebhook(as) {
          return (await shipping.retryParkedWebhook({ id: await newParkedWebhook() }, as)).webhook?.actor;
        },
        async DismissParkedWebhook(as) {
          const request = { id: await newParkedWebhook(), reason: "of another shop" };
          return (await shipping.dismissParkedWebhook(request, as)).webhook?.actor;
        },
      };
    },
    others: {
      RetryRecall: "asks the carrier again to call a shipment back",
      ...{ CommitPosition: reader, DeleteConsumer: reader, ReplayConsumer: reader },
    },
  };
});
