import { afterAll, beforeAll, expect, test } from "vitest";
import { authorizationOf } from "../scripts/stack/tokens.ts";
import { type Caller, callerOf, signUp, type User } from "./support/caller.ts";
import { makeProduct } from "./support/scenario.ts";
import { startShop, type TestShop, until } from "./support/shop.ts";

// Messages to customers, seen from outside: over REST, in the mailbox, and by the link in a mail.

let shop: TestShop;
let call: Caller;
let operator: { authorization: string };

beforeAll(async () => {
  shop = await startShop({ notifier: { MAIL_LEASE_MS: "2000" } });
  call = callerOf(shop.stack);
  operator = { authorization: await authorizationOf(shop.stack.addresses, "admin") };
});
afterAll(() => shop?.[Symbol.asyncDispose]());

/** Orders one more than is available. */
async function orderTooMuch({ id, headers }: User): Promise<string> {
  const productId = await makeProduct(shop.shop, 1);
  const { body } = await call(
    "POST /v1/orders",
    {
      customerId: id,
      lines: [{ productId, quantity: 2 }],
      contactEmail: `${id}@example.com`,
      waitFor: "WAIT_FOR_COMPLETED",
    },
    { ...headers, "idempotency-key": crypto.randomUUID() },
  );
  expect(body.order.state).toBe("STATE_REJECTED");
  return body.order.id;
}

async function mailsTo({ id }: User, count: number) {
  return await until(60_000, `${count} mails`, async () => {
    const { messages } = (await call("POST /v1/mailbox:search", { to: `${id}@example.com` }, operator)).body;
    return messages.length >= count ? messages : undefined;
  });
}

const inboxOf = async ({ id, headers }: User) => (await call(`GET /v1/inbox/${id}/messages`, undefined, headers)).body;

async function* watch({ id, headers }: User) {
  const leaving = new AbortController();
  const url = `http://${shop.stack.addresses.gateway}/v1/inbox/${id}:watch`;
  const response = await fetch(url, { headers, signal: leaving.signal });
  try {
    let text = "";
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
        text = text.slice(end + 2);
        if (data !== undefined) {
          yield JSON.parse(data);
        }
      }
    }
  } finally {
    leaving.abort();
  }
}

test("a sold-out order sends a mail and an inbox message to its customer only", async () => {
  const [ann, eve] = [await signUp(call, "ann"), await signUp(call, "eve")];
  const changes = watch(ann);
  expect((await changes.next()).value).toMatchObject({ messages: [], unreadCount: "0" });
  const orderId = await orderTooMuch(ann);
  expect((await changes.next()).value).toMatchObject({ messages: [{ orderId }], unreadCount: "1" });

  const [mail] = await mailsTo(ann, 1);
  expect(mail.text).toContain("Thing: 2 asked for, 1 left");
  expect(mail.html).toContain("Thing: 2 asked for, 1 left");

  const { messages } = await inboxOf(ann);
  const path = `/v1/inbox/${ann.id}/messages/${messages[0].id}`;
  for (const request of [`GET /v1/inbox/${ann.id}/messages`, `POST ${path}:read`, `DELETE ${path}`]) {
    const { status } = await call(request, request.startsWith("POST") ? {} : undefined, eve.headers);
    expect([request, status]).toEqual([request, 404]);
  }
  expect((await call(`POST ${path}:read`, {}, ann.headers)).body).toMatchObject({ unreadCount: "0" });
  expect((await changes.next()).value).toMatchObject({ messages: [{ id: messages[0].id }], unreadCount: "0" });
  await changes.return(undefined);
});

test("the link in a mail turns such mails off without a sign-in, but opening it does not", async () => {
  const bob = await signUp(call, "bob");
  await orderTooMuch(bob);
  const [mail] = await mailsTo(bob, 1);
  const url = /^<(.*)>$/.exec(mail.unsubscribe)?.[1] ?? "";
  const page = await fetch(url);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<form method="post">')]);
  const preferences = async () => {
    const { body } = await call(`GET /v1/preferences/${bob.id}`, undefined, bob.headers);
    return body.preferences.preferences.filter(({ enabled }: { enabled: boolean }) => !enabled);
  };
  expect(await preferences()).toEqual([]);
  const clicked = await fetch(url, { method: "POST", body: new URLSearchParams({ "List-Unsubscribe": "One-Click" }) });
  expect(clicked.status).toBe(200);
  expect(await preferences()).toMatchObject([
    { eventType: "sagacart.order.rejected.v1", channel: "CHANNEL_EMAIL", enabled: false },
  ]);

  await orderTooMuch(bob);
  await until(60_000, "a second message", async () => ((await inboxOf(bob)).messages.length === 2 ? true : undefined));
  const mailed = await call(`GET /v1/messages?customerId=${bob.id}&channel=CHANNEL_EMAIL`, undefined, bob.headers);
  expect(mailed.body.messages.map(({ state }: { state: string }) => state)).toEqual(["STATE_SUPPRESSED", "STATE_SENT"]);
});

test("a notifier killed while orders come in sends one mail and one inbox message for each", async () => {
  const cid = await signUp(call, "cid");
  const orders: Promise<string>[] = [];
  for (let n = 0; n < 3; n++) {
    orders.push(...Array.from({ length: 4 }, () => orderTooMuch(cid)));
    await Promise.all(orders);
    await shop.stack.kill("notifier", "SIGKILL");
    await shop.stack.start("notifier");
  }
  const orderIds = (await Promise.all(orders)).toSorted();
  await until(90_000, "a message about every order", async () => {
    const { body } = await call(`GET /v1/messages?customerId=${cid.id}&state=STATE_SENT`, undefined, cid.headers);
    return body.messages.length >= 24 ? true : undefined;
  });
  const { messages, unreadCount } = await inboxOf(cid);
  expect(messages.map(({ orderId }: { orderId: string }) => orderId).toSorted()).toEqual(orderIds);
  expect(unreadCount).toBe("12");
  const ids = (await mailsTo(cid, 12)).map(({ messageId }: { messageId: string }) => messageId);
  expect(new Set(ids).size).toBe(12);
});

test("an operator's new template applies to later messages, and customers may not change templates", async () => {
  const dan = await signUp(call, "dan");
  const path = "/v1/message-templates/sagacart.order.rejected.v1/en";
  const { template } = (await call(`GET ${path}`, undefined, operator)).body;
  const changed = {
    version: template.version,
    subject: "Sorry about {{ order_id }}",
    mjml: template.mjml,
    text: template.text,
  };
  expect((await call(`PUT ${path}`, changed, dan.headers)).status).toBe(403);
  const wrong = await call(`PUT ${path}`, { ...changed, text: "{{ orderid }}" }, operator);
  expect([wrong.status, wrong.body.reason]).toEqual([400, "TEMPLATE_INVALID"]);
  expect((await call(`PUT ${path}`, changed, operator)).body.template.version).toBe(2);
  const orderId = await orderTooMuch(dan);
  const [mail] = await mailsTo(dan, 1);
  expect(mail.subject).toBe(`Sorry about ${orderId}`);
});
