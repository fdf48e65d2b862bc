import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity, type TestPerson } from "../testing/identity.ts";

let running: TestIdentity;
beforeAll(async () => {
  running = await startTestIdentity();
});
afterAll(() => running[Symbol.asyncDispose]());

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "OK",
    (error: unknown) => errorInfo(error).reason,
  );
}

async function signInFrom({ username, password }: TestPerson, address: string, userAgent: string) {
  const headers = { "x-client-address": address, "x-client-user-agent": userAgent };
  const { session } = await running.anonymous.signIn({ username, password }, { headers });
  return session!;
}

test("a user sees the sessions with their programs, networks and last use, and which is the caller's", async () => {
  const person = await running.register();
  const session = await signInFrom(person, "2001:db8:1:2:3::4", "Browser/1");
  const headers = { "x-client-address": "192.0.2.7", "x-client-user-agent": "Browser/2" };
  await running.pool.query("update sessions set last_use_time = last_use_time - interval '1 day' where id = $1", [
    session.id,
  ]);
  const seen = async () => (await running.as(session.accessToken).listSessions({ userId: "me" })).sessions;
  const [before] = await seen();
  expect(before).toMatchObject({ id: session.id, userAgent: "Browser/1", network: "2001:db8:1:2", current: true });

  await running.anonymous.refreshToken({ refreshToken: session.refreshToken }, { headers });

  const [after, first] = await seen();
  expect(after).toMatchObject({ id: session.id, clientId: "sagacart", userAgent: "Browser/2", network: "192.0.2.7" });
  expect(Number(after!.lastUseTime!.seconds) - Number(before!.lastUseTime!.seconds)).toBeGreaterThan(80_000);
  expect(first).toMatchObject({ current: false });
});

test("a user ends a session, whose tokens are refused, and an operator ends all", async () => {
  const person = await running.register();
  const [one, other] = [await signInFrom(person, "192.0.2.1", "a"), await signInFrom(person, "192.0.2.1", "b")];

  await person.client.endSession({ userId: "me", id: one.id });

  const refresh = ({ refreshToken }: { refreshToken: string }) =>
    reasonOf(running.anonymous.refreshToken({ refreshToken }));
  expect(await refresh(one)).toBe("BAD_REFRESH_TOKEN");
  const ids = async () => (await running.identity.listSessions({ userId: person.id })).sessions.map(({ id }) => id);
  expect(await ids()).not.toContain(one.id);
  expect(await ids()).toContain(other.id);
  await expect.poll(() => reasonOf(running.as(one.accessToken).getUser({ id: "me" }))).toBe("TOKEN_REVOKED");

  await running.identity.endSessions({ userId: person.id });
  expect(await ids()).toEqual([]);
  expect(await refresh(other)).toBe("BAD_REFRESH_TOKEN");
});

test("ending all sessions keeps the caller's own, unless it is included", async () => {
  const person = await running.register();
  const other = await signInFrom(person, "192.0.2.1", "b");

  await person.client.endSessions({ userId: "me" });

  const sessions = async () => (await running.identity.listSessions({ userId: person.id })).sessions;
  expect(await sessions()).toHaveLength(1);
  expect(await reasonOf(running.anonymous.refreshToken({ refreshToken: other.refreshToken }))).toBe(
    "BAD_REFRESH_TOKEN",
  );
  await person.client.endSessions({ userId: "me", includeCurrent: true });
  expect(await sessions()).toEqual([]);
});

test("nobody sees or ends another user's sessions", async () => {
  const [person, { client }] = [await running.register(), await running.register()];
  const [session] = (await person.client.listSessions({ userId: "me" })).sessions;

  expect(await reasonOf(client.listSessions({ userId: person.id }))).toBe("USER_NOT_FOUND");
  expect(await reasonOf(client.endSession({ userId: person.id, id: session!.id }))).toBe("USER_NOT_FOUND");
  expect(await reasonOf(client.endSessions({ userId: person.id }))).toBe("USER_NOT_FOUND");
  // Under one's own id, another's session is not found, and stays.
  expect(await reasonOf(client.endSession({ userId: "me", id: session!.id }))).toBe("OK");
  expect((await person.client.listSessions({ userId: "me" })).sessions).toHaveLength(1);
});
