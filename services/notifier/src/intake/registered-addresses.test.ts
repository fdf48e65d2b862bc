import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { withTransaction } from "@sagacart/chassis/postgres/pool";
import type { TestDatabase } from "@sagacart/chassis/testing/database";
import { EventSchema } from "@sagacart/proto/event/v1/event";
import { afterAll, beforeAll, expect, test } from "vitest";
import { putContact } from "../messages/customer-store.ts";
import { seedTemplates } from "../templates/template-store.ts";
import { notifierDatabase, startTestFeed, startTestMailServer, startTestNotifier } from "../testing/notifier.ts";
import { ingest } from "./intake.ts";
import { takeAddresses } from "./registered-addresses.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await notifierDatabase();
  await seedTemplates(database.pool);
});
afterAll(() => database[Symbol.asyncDispose]());

type Step = (customerId: string) => Promise<void>;

/** An event of the only order of the customer; the same type is the same event. */
const order =
  (type = "completed", data: object = {}, mailsUnverified = true): Step =>
  async (customerId) => {
    const event = create(EventSchema, {
      id: `${customerId} ${type}`,
      subject: `o-${customerId}`,
      type: `sagacart.order.${type}.v1`,
      data: JSON.stringify({ customerId, ...data }),
      time: timestampFromDate(new Date()),
    });
    await withTransaction(database.pool, (tx) => ingest(tx, [event], { mailsUnverified }));
  };

const user =
  (type: "created" | "email_changed" | "email_verified" | "deleted", email?: string, mailsUnverified = true): Step =>
  async (customerId) => {
    const event = create(EventSchema, {
      subject: customerId,
      type: `sagacart.user.${type}.v1`,
      data: JSON.stringify({ userId: customerId, email, emailVerified: type === "email_verified" }),
    });
    await withTransaction(database.pool, (tx) => takeAddresses(tx, [event], { mailsUnverified }));
  };

const contact =
  (email: string): Step =>
  (customerId) =>
    putContact(database.pool, { customerId, email, name: "Ada" });

const sql =
  (text: string): Step =>
  async (customerId) => {
    await database.pool.query(text, [customerId]);
  };

const old = "old@shop.test";
const moved = "new@shop.test";
const at = (recipient: string, state = "PENDING") => ({ recipient, state });
const waiting = at("", "SUPPRESSED");

const cases: [string, Step[], object[]][] = [
  ["the registered address, without any contact", [user("created", old), order()], [at(old)]],
  ["the address of a registration that is heard of later", [order(), user("created", old)], [at(old)]],
  ["none while no address is known", [order()], [waiting]],
  ["the new address after a change", [user("created", old), user("email_changed", moved), order()], [at(moved)]],
  ["the new address for a mail under way", [user("created", old), order(), user("email_changed", moved)], [at(moved)]],
  [
    "the former address for a mail that was sent",
    [
      user("created", old),
      order(),
      sql(
        "update messages set state = 'SENT', try_time = null, send_time = now() where customer_id = $1 and channel = 'EMAIL'",
      ),
      user("email_changed", moved),
    ],
    [at(old, "SENT")],
  ],
  [
    "the checkout's address first",
    [user("created", old), order("completed", { contactEmail: "at@checkout.test" })],
    [at("at@checkout.test")],
  ],
  [
    "the checkout's address also after a change",
    [user("created", old), order("completed", { contactEmail: old }), user("email_changed", moved)],
    [at(old)],
  ],
  ["the customer's contact first", [user("created", old), contact("c@shop.test"), order()], [at("c@shop.test")]],
  [
    "the customer's contact also after a change",
    [user("created", old), contact(old), order(), user("email_changed", moved)],
    [at(old)],
  ],
  [
    "the new address for a later event of the order",
    [user("created", old), order("awaiting_payment"), user("email_changed", moved), order("paid")],
    [at(moved), at(moved)],
  ],
  [
    "one mail, however often the events are read",
    [order(), user("created", old), order(), user("created", old), order()],
    [at(old)],
  ],
  [
    "one mail if the order is read again after a change",
    [user("created", old), order(), user("email_changed", moved), order()],
    [at(moved)],
  ],
  [
    "no mail that waited longer than a day",
    [
      order(),
      sql("update messages set create_time = now() - interval '25 hours' where customer_id = $1"),
      user("created", old),
    ],
    [waiting],
  ],
  [
    "nothing that the customer turned off",
    [
      sql(
        "insert into turned_off (customer_id, channel, event_type) values ($1, 'EMAIL', 'sagacart.order.expired.v1')",
      ),
      order("expired"),
      user("created", old),
    ],
    [waiting],
  ],
  ["none after the account was deleted", [user("created", old), user("deleted"), order()], [waiting]],
  ["none by an event whose address was removed", [user("created", undefined), order()], [waiting]],
  ["none by an address that cannot be mailed", [user("created", "a..b@"), order()], [waiting]],
  [
    "none while it is not verified, if the shop demands that",
    [user("created", old, false), order("completed", {}, false)],
    [waiting],
  ],
  [
    "the verified address, if the shop demands that",
    [user("created", old, false), order("completed", {}, false), user("email_verified", old, false)],
    [at(old)],
  ],
];

test.each(cases)("mail goes to %s", async (_name, steps, expected) => {
  const customerId = crypto.randomUUID();
  for (const step of steps) {
    await step(customerId);
  }
  const { rows } = await database.pool.query(
    "select recipient, state from messages where customer_id = $1 and channel = 'EMAIL' order by id",
    [customerId],
  );
  expect(rows).toEqual(expected);
});

test("customers of another issuer have no mails that wait", async () => {
  await order()("c-somebody");

  const { rows } = await database.pool.query("select channel from messages where customer_id = 'c-somebody'");
  expect(rows).toEqual([{ channel: "INBOX" }]);
});

test("a contact that is set later gets the mails that waited", async () => {
  await using orders = await startTestFeed();
  await using users = await startTestFeed();
  await using own = await notifierDatabase();
  await using mail = await startTestMailServer();
  await using notifier = await startTestNotifier({
    ...{ feedAddress: orders.address, usersAddress: users.address, database: own },
    env: { SMTP_URL: mail.url },
  });
  const [bought, registered] = [crypto.randomUUID(), crypto.randomUUID()];
  const completed = (customerId: string) => ({
    ...{ subject: `o-${customerId}`, sequence: 1, type: "sagacart.order.completed.v1" },
    data: { customerId },
  });

  await orders.publish([completed(bought), completed(registered)]);
  const held = async () => (await notifier.notifier.listMessages({ customerId: bought })).messages;
  await expect.poll(held, { timeout: 20_000 }).toHaveLength(2);
  await notifier.notifier.putContact({ customerId: bought, email: "later@shop.test", name: "" });
  const data = { userId: registered, email: "registered@shop.test", emailVerified: false };
  await users.publish([{ subject: registered, sequence: 1, type: "sagacart.user.created.v1", data }]);

  const recipients = () => mail.mails.flatMap((received) => received.recipients).sort();
  await expect.poll(recipients, { timeout: 20_000 }).toEqual(["later@shop.test", "registered@shop.test"]);
});
