import { testAccess } from "@sagacart/chassis/testing/access-tests";
import type { ListInboxMessagesResponse } from "@sagacart/proto/notifier/v1/inbox_service";
import type { ListMessagesResponse } from "@sagacart/proto/notifier/v1/notifier_service";
import { WebhookService } from "@sagacart/proto/notifier/v1/webhook_service";
import { vi } from "vitest";
import { notifierDatabase, startTestFeed, startTestMailServer, startTestNotifier } from "./testing/notifier.ts";

testAccess(async () => {
  const cleanup = new AsyncDisposableStack();
  const feed = cleanup.use(await startTestFeed());
  const mails = cleanup.use(await startTestMailServer());
  const database = cleanup.use(await notifierDatabase());
  const env = { SMTP_URL: mails.url, MAILBOX_SMTP_PORT: "0" };
  const service = cleanup.use(await startTestNotifier({ feedAddress: feed.address, database, env }));
  const total = { currencyCode: "EUR", minorUnits: "1250" };
  await feed.publish(
    ["o-1", "o-2"].map((orderId) => ({
      subject: orderId,
      sequence: 1,
      type: "sagacart.order.completed.v1",
      data: { orderId, customerId: "victim", total, contactEmail: "victim@example.com" },
    })),
  );
  const inbox = async () => (await service.inbox.listInboxMessages({ customerId: "victim" })).messages;
  await vi.waitUntil(async () => (await inbox()).length === 2, { timeout: 60_000 });
  const [first] = await inbox();
  const { messages } = await service.notifier.listMessages({ customerId: "victim" });
  const inboxId = first?.id ?? "";
  return {
    routes(router) {
      service.routes(router);
      // Access is checked before the handlers run, which need a network.
      router.service(WebhookService, {});
    },
    domain: "notifier.sagacart",
    things: {
      GetMessage: { id: messages[0]?.id ?? "", ask: (id) => ({ id }) },
      MarkRead: { id: inboxId, ask: (id) => ({ id }) },
      DeleteInboxMessage: { id: inboxId, ask: (id) => ({ id }) },
    },
    lists: {
      ListMessages: { ask: {}, count: ({ messages }: ListMessagesResponse) => messages.length },
      ListInboxMessages: { ask: {}, count: ({ messages }: ListInboxMessagesResponse) => messages.length },
      WatchInbox: { ask: {}, count: ({ messages }: ListInboxMessagesResponse) => messages.length },
    },
    ofCaller: ["PutContact", "GetContact", "CountUnread", "MarkAllRead", "GetPreferences", "UpdatePreferences"],
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
});
