import { type Client, Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { errorInfo } from "@sagacart/chassis/errors";
import { withTransaction } from "@sagacart/chassis/postgres/pool";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import {
  startTestIdentity,
  startTestMailServer,
  type TestIdentity,
  type TestMailServer,
  type TestPerson,
  testServiceSecret,
} from "../testing/identity.ts";
import { announceMissing } from "./announce.ts";

let mail: TestMailServer;
let running: TestIdentity;
let events: Client<typeof EventService>;

beforeAll(async () => {
  mail = await startTestMailServer();
  running = await startTestIdentity({ env: { SMTP_URL: mail.url } });
  events = createClient(EventService, transportAs(running.operatorToken));
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await mail[Symbol.asyncDispose]();
});

function transportAs(token: string) {
  return createGrpcTransport({
    baseUrl: `http://${running.address}`,
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });
}

async function serviceToken(): Promise<string> {
  const response = await running.fetch(`${running.issuer}/oidc/token`, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(`order:${testServiceSecret}`).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  const { access_token } = (await response.json()) as { access_token: string };
  return access_token;
}

/** Reads what the feed has of a user, once it has everything that was committed. */
async function feedOf(userId: string) {
  return await vi.waitFor(async () => {
    const { rows } = await running.pool.query("select from event_appends");
    expect(rows).toHaveLength(0);
    const page = await events.readEvents({ pageSize: 1000 });
    return page.events
      .filter(({ subject }) => subject === userId)
      .map(({ type, sequence, data }) => [Number(sequence), type, JSON.parse(data)]);
  }, patience);
}

/** The sequencer may find events after a second, and the machine may be busy. */
const patience = { timeout: 10_000 };

/** Changes the address and confirms the new one. */
async function moveTo(client: TestIdentity["identity"], id: string, email: string): Promise<void> {
  await client.updateUser({ user: { id, email } });
  await running.anonymous.confirmEmail({ token: await mail.tokenTo(email, "confirm") });
}

async function resetPassword({ email }: { email: string }): Promise<void> {
  await running.anonymous.requestPasswordReset({ email });
  const token = await mail.tokenTo(email, "reset");
  await running.anonymous.resetPassword({ token, newPassword: "quite new" });
}

const changes: [string, (person: TestPerson) => Promise<unknown>, (person: TestPerson) => object[]][] = [
  [
    "a new address",
    ({ client, id }) => moveTo(client, id, `new-${id}@shop.test`),
    ({ id }) => [{ type: "email_changed", data: { userId: id, email: `new-${id}@shop.test`, emailVerified: true } }],
  ],
  [
    "a new address that is not confirmed",
    ({ client, id }) => client.updateUser({ user: { id, email: `new-${id}@shop.test` } }),
    () => [],
  ],
  ["the same address", ({ client, id, email }) => client.updateUser({ user: { id, email } }), () => []],
  ["another telephone number", ({ client, id }) => client.updateUser({ user: { id, phone: "1" } }), () => []],
  [
    "a password reset by mail",
    resetPassword,
    ({ id, email }) => [{ type: "email_verified", data: { userId: id, email, emailVerified: true } }],
  ],
  [
    "two resets",
    async (person) => {
      await resetPassword(person);
      await resetPassword(person);
    },
    ({ id, email }) => [{ type: "email_verified", data: { userId: id, email, emailVerified: true } }],
  ],
  [
    "a reset and a new address",
    async (person) => {
      await resetPassword(person);
      await moveTo(running.identity, person.id, `new-${person.id}@shop.test`);
    },
    ({ id }) => [
      { type: "email_verified", data: { userId: id, emailVerified: true } },
      { type: "email_changed", data: { userId: id, email: `new-${id}@shop.test`, emailVerified: true } },
    ],
  ],
  [
    "the deletion",
    ({ client }) => client.deleteUser({ id: "me" }),
    ({ id }) => [{ type: "deleted", data: { userId: id } }],
  ],
  [
    "a change to another user's address",
    ({ client, id }) => client.updateUser({ user: { id, email: "root@shop.test" } }),
    () => [],
  ],
];

test.each(changes)(
  "after %s, the feed has what happened to the user, and the newest address only",
  async (_name, change, expected) => {
    const person = await running.register();
    const { id, email } = person;

    await change(person);

    const later = expected(person);
    const hasNewer = later.length > 0;
    expect(await feedOf(id)).toEqual(
      [{ type: "created", data: { userId: id, ...(hasNewer ? {} : { email }), emailVerified: false } }, ...later].map(
        (event, index) => [
          index + 1,
          `sagacart.user.${(event as { type: string }).type}.v1`,
          (event as { data: object }).data,
        ],
      ),
    );
  },
);

test("a refused registration is not in the feed", async () => {
  const { username } = await running.register();
  const before = await running.pool.query("select from events");
  const account = { username, email: "somebody-else@shop.test", password: "correct horse" };

  const error = await running.anonymous.register(account).catch((error: unknown) => error);

  expect(errorInfo(error).reason).toBe("USERNAME_TAKEN");
  expect((await running.pool.query("select from events")).rowCount).toBe(before.rowCount);
});

test("a seeded user's address counts as verified", async () => {
  const { users } = await running.identity.listUsers({ username: "root" });

  expect(users).toMatchObject([{ email: "root@shop.test", emailVerified: true }]);
  expect(await feedOf(users[0]!.id)).toEqual([
    [1, "sagacart.user.created.v1", { userId: users[0]!.id, email: "root@shop.test", emailVerified: true }],
  ]);
});

test("a user sees that the address is verified, and that it stays so until a new one is", async () => {
  const person = await running.register();
  const isVerified = async () => (await running.identity.getUser({ id: person.id })).user?.emailVerified;
  expect(await isVerified()).toBe(false);

  await resetPassword(person);
  expect(await isVerified()).toBe(true);

  const { user } = await running.identity.updateUser({ user: { id: person.id, email: `new-${person.email}` } });
  expect(user).toMatchObject({ email: person.email, pendingEmail: `new-${person.email}`, emailVerified: true });
});

test("the feed is not for customers", async () => {
  const { accessToken } = await running.register();
  const read = createClient(EventService, transportAs(accessToken)).readEvents({});

  expect(errorInfo(await read.catch((error: unknown) => error)).code).toBe(Code.PermissionDenied);
});

test("a consumer can have the feed keep its position", async () => {
  const consumers = createClient(ConsumerService, transportAs(await serviceToken()));

  const { consumer } = await consumers.commitPosition({ name: "test.reader", position: 0n });

  expect(consumer).toMatchObject({ name: "test.reader", position: 0n });
});

// Processes of an earlier version write to the same tables while they are being replaced.
const unannounced: [string, (person: TestPerson) => [string, unknown[]], (person: TestPerson) => unknown[]][] = [
  [
    "a user from before there were events",
    ({ id }) => [
      "with unread as (delete from event_positions where subject = $1) delete from events where subject = $1",
      [id],
    ],
    ({ id, email }) => [[1, "sagacart.user.created.v1", { userId: id, email, emailVerified: false }]],
  ],
  [
    "a change of the address",
    ({ id }) => ["update users set email = $1 || '@shop.test' where id = $1", [id]],
    ({ id }) => [
      [1, "sagacart.user.created.v1", { userId: id, emailVerified: false }],
      [2, "sagacart.user.email_changed.v1", { userId: id, email: `${id}@shop.test`, emailVerified: false }],
    ],
  ],
  [
    "a deletion",
    ({ id }) => ["delete from users where id = $1", [id]],
    ({ id }) => [
      [1, "sagacart.user.created.v1", { userId: id, emailVerified: false }],
      [2, "sagacart.user.deleted.v1", { userId: id }],
    ],
  ],
];

test.each(unannounced)("%s gets its event later, once", async (_name, write, expected) => {
  const person = await running.register();
  await feedOf(person.id);
  await running.pool.query(...write(person));

  const announced = await Promise.all([1, 2].map(() => withTransaction(running.pool, announceMissing)));

  expect(announced.toSorted()).toEqual([0, 1]);
  expect(await feedOf(person.id)).toEqual(expected(person));
});
