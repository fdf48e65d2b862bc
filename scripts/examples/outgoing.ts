import type { Scene } from "./scene.ts";

/** Templates. A short one takes the place of the built-in one, so that the examples of messages are short, too. */
export async function recordTemplates({ call, admin: token }: Scene): Promise<void> {
  const path = { eventType: "sagacart.order.completed.v1", language: "en" };
  const { template } = await call("getTemplate", { token, path });
  const content = {
    subject: "Your order is on its way",
    mjml: "<mjml><mj-body><mj-section><mj-column><mj-text>Order {{ order_id }} is on its way.</mj-text></mj-column></mj-section></mj-body></mjml>",
    text: "Order {{ order_id }} is on its way.",
  };
  await call("previewTemplate", { token, path, body: content });
  await call("updateTemplate", { token, path, body: { version: template.version, ...content } });
  await call("listTemplates", { token, query: { pageSize: 1 } });
}

/** Messages about Alice's orders, by mail and in her inbox. */
export async function recordMessages({ call, admin, alice: token, hasten }: Scene): Promise<void> {
  const customerId = "alice";
  await call("putContact", {
    token,
    path: { customerId },
    body: { email: "alice@sagacart.example", name: "Alice" },
  });
  await call("getContact", { token, path: { customerId } });
  // All messages are there: how many there are is part of the answers.
  await call("getConsumer", {
    token: admin,
    path: { name: "notifier" },
    until: ({ consumer }) => consumer.position === consumer.headPosition,
  });
  await call("getProgress", { token: admin, until: (answer) => answer.pendingMessages === "0" });
  await call("getPreferences", { token, path: { customerId } });
  await call("updatePreferences", {
    token,
    path: { customerId },
    body: {
      language: "en",
      changes: [{ eventType: "sagacart.order.completed.v1", channel: "CHANNEL_EMAIL", enabled: true }],
    },
  });
  const { messages } = await call("listMessages", {
    token,
    query: { channel: "CHANNEL_EMAIL", state: "STATE_SENT", pageSize: 1 },
    until: (answer) => answer.messages.length > 0,
  });
  const { id } = messages[0];
  await call("getMessage", { token, path: { id } });
  const inbox = await call("listInboxMessages", {
    token,
    path: { customerId },
    query: { unreadOnly: true, pageSize: 1 },
    until: (answer) => answer.messages.length > 0,
  });
  const one = { customerId, id: inbox.messages[0].id };
  await call("countUnread", { token, path: { customerId } });
  await call("watchInbox", { token, path: { customerId } });
  await call("markRead", { token, path: one, body: {} });
  await call("markAllRead", { token, path: { customerId }, body: { sequence: inbox.sequence } });
  await call("deleteInboxMessage", { token, path: one });
  const { messages: mails } = await call("listMailboxMessages", { token: admin, query: { pageSize: 1 } });
  await call("getMailboxMessage", { token: admin, path: { id: mails[0].id } });
  await call("searchMailboxMessages", { token: admin, body: { to: "alice@sagacart.example", pageSize: 1 } });
  await hasten(
    "notifier",
    "update messages set state = 'FAILED', attempts = 36, send_time = null, last_error = 'connect ECONNREFUSED' where id = $1",
    [id],
  );
  await call("retryMessage", { token: admin, path: { id }, body: {} });
}

/** Webhooks to a program of the shop's owner. */
export async function recordWebhooks({ call, admin: token, receiverUrl: url }: Scene): Promise<string> {
  const { endpoint } = await call("createWebhookEndpoint", {
    token,
    body: { endpoint: { url, eventTypes: ["sagacart.order.completed.v1"], description: "the warehouse" } },
  });
  const endpointId: string = endpoint.id;
  await call("getWebhookEndpoint", { token, path: { id: endpointId } });
  await call("listWebhookEndpoints", { token, query: { pageSize: 1 } });
  await call("updateWebhookEndpoint", {
    token,
    path: { id: endpointId },
    query: { updateMask: "description" },
    body: { description: "the warehouse in London" },
  });
  await call("testWebhookEndpoint", { token, path: { endpointId }, body: {} });
  return endpointId;
}

/** Records the deliveries to an endpoint of recordWebhooks since. */
export async function recordDeliveries({ call, admin: token, hasten }: Scene, endpointId: string): Promise<void> {
  const { deliveries } = await call("listWebhookDeliveries", {
    token,
    query: { endpointId, state: "STATE_DELIVERED", pageSize: 1 },
    until: (answer) => answer.deliveries.length > 0,
  });
  const path = { id: deliveries[0].id };
  await call("getWebhookDelivery", { token, path });
  await hasten(
    "notifier",
    "update webhook_deliveries set state = 'DEAD', last_error = '503 Service Unavailable' where endpoint_id = $1",
    [endpointId],
  );
  await call("resendWebhookDelivery", { token, path, body: {} });
  await call("resendWebhookDeliveries", { token, path: { endpointId }, body: { since: deliveries[0].createTime } });
  await call("rotateWebhookSecret", { token, path: { endpointId }, body: { overlap: "3600s" } });
  await call("deleteWebhookEndpoint", { token, path: { id: endpointId } });
}
