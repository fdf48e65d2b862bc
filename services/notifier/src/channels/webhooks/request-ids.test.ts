import { testRequestIds } from "@sagacart/chassis/testing/request-id-tests";
import { startFeed, startSender, webhookDatabase } from "./testing/shop.ts";

testRequestIds(async () => {
  const stack = new AsyncDisposableStack();
  const feed = stack.use(await startFeed());
  const database = stack.use(await webhookDatabase());
  const sender = stack.use(await startSender({ feed, database }));
  const endpoint = { url: "https://127.0.0.1:1/hook", eventTypes: ["sagacart.order.*"] };

  async function newEndpoint(): Promise<string> {
    const made = await sender.client.createWebhookEndpoint({ endpoint: { ...endpoint, id: crypto.randomUUID() } });
    return made.endpoint?.id ?? "";
  }

  return {
    routes: sender.routes,
    domain: "notifier.sagacart",
    cases: {
      async CreateWebhookEndpoint() {
        return {
          request: { endpoint: { ...endpoint, id: crypto.randomUUID() } },
          others: { endpoint: { endpoint: { ...endpoint, id: crypto.randomUUID() } } },
        };
      },
      async RotateWebhookSecret() {
        return {
          request: { endpointId: await newEndpoint(), overlap: "60s" },
          others: { endpointId: { endpointId: await newEndpoint() }, overlap: { overlap: "90s" } },
        };
      },
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
});
