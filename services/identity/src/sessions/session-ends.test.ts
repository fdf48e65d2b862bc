import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity, type TestPerson } from "../testing/identity.ts";

const [idleMs, maxMs, staffIdleMs, staffMaxMs] = [100_000_000, 300_000_000, 10_000_000, 30_000_000];

let time = Date.now();
let running: TestIdentity;

beforeAll(async () => {
  running = await startTestIdentity({
    env: {
      ...{ SESSION_IDLE_MS: `${idleMs}`, SESSION_MAX_MS: `${maxMs}` },
      ...{ OPERATOR_SESSION_IDLE_MS: `${staffIdleMs}`, OPERATOR_SESSION_MAX_MS: `${staffMaxMs}` },
      SESSIONS_PER_USER: "3",
    },
    clock: { now: () => new Date(time) },
  });
});
beforeEach(() => {
  time = Date.now();
});
afterAll(() => running[Symbol.asyncDispose]());

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "OK",
    (error: unknown) => errorInfo(error).reason,
  );
}

async function signIn({ username, password }: TestPerson) {
  const { session } = await running.anonymous.signIn({ username, password });
  return session!;
}

const refresh = async (refreshToken: string) => (await running.anonymous.refreshToken({ refreshToken })).session!;
const setRoles = (id: string, roles: string[]) =>
  running.pool.query("update users set roles = $2 where id = $1", [id, roles]);

describe.each([
  ["a customer", ["customer"], idleMs, maxMs],
  ["support", ["support"], staffIdleMs, staffMaxMs],
  ["an operator", ["customer", "operator"], staffIdleMs, staffMaxMs],
])("a session of %s", (_who, roles, idle, max) => {
  test.each([
    ["lives almost as long without use", -1_000, "OK"],
    ["ends when it was not used for so long", 0, "BAD_REFRESH_TOKEN"],
  ])("%s as configured", async (_what, moreMs, expected) => {
    const person = await running.register();
    await setRoles(person.id, roles);
    const { refreshToken } = await signIn(person);

    time += idle + moreMs;

    expect(await reasonOf(refresh(refreshToken))).toBe(expected);
  });

  test("ends at its longest life, however often it is used", async () => {
    const person = await running.register();
    await setRoles(person.id, roles);
    let session = await signIn(person);
    const end = time + max;
    while (time < end - idle / 2) {
      time += idle / 2;
      session = await refresh(session.refreshToken);
    }
    expect(Number(session.refreshTokenExpireTime!.seconds)).toBeLessThanOrEqual(end / 1000);

    time = end;

    expect(await reasonOf(refresh(session.refreshToken))).toBe("BAD_REFRESH_TOKEN");
  });
});

test.each([
  ["idle for longer than an operator's may be", [staffIdleMs]],
  ["older than an operator's may be", [staffIdleMs - 1_000, staffIdleMs - 1_000, staffIdleMs - 1_000, 3_000]],
])("a customer's session that is %s ends when the customer becomes operator", async (_what, pauses) => {
  const person = await running.register();
  let session = await signIn(person);
  const last = pauses.pop() ?? 0;
  for (const pause of pauses) {
    time += pause;
    session = await refresh(session.refreshToken);
  }
  time += last;
  await setRoles(person.id, ["operator"]);

  expect(await reasonOf(refresh(session.refreshToken))).toBe("BAD_REFRESH_TOKEN");
  await setRoles(person.id, ["customer"]);
  expect(await reasonOf(refresh(session.refreshToken))).toBe("OK");
});

test("one session more than a user may have ends the one that was used longest ago", async () => {
  const person = await running.register();
  const [first, second, third] = [await signIn(person), await signIn(person), await signIn(person)];
  time += 60_000;
  const used = await refresh(second.refreshToken);
  time += 60_000;

  const fourth = await signIn(person);

  // The session of the registration made way for the third one.
  expect(await reasonOf(refresh(person.refreshToken))).toBe("BAD_REFRESH_TOKEN");
  expect(await reasonOf(refresh(first.refreshToken))).toBe("BAD_REFRESH_TOKEN");
  for (const { refreshToken } of [used, third, fourth]) {
    expect(await reasonOf(refresh(refreshToken))).toBe("OK");
  }
  const { rows } = await running.pool.query<{ end_reason: string }>(
    "select end_reason from sessions where user_id = $1 and end_time is not null",
    [person.id],
  );
  expect(rows).toEqual([{ end_reason: "TOO_MANY" }, { end_reason: "TOO_MANY" }]);
});

test("concurrent sign-ins leave as many sessions as a user may have, and another user's are not touched", async () => {
  const [person, other] = [await running.register(), await running.register()];

  const sessions = await Promise.all(Array.from({ length: 8 }, () => signIn(person)));

  const outcomes = await Promise.all(sessions.map(({ refreshToken }) => reasonOf(refresh(refreshToken))));
  expect(outcomes.filter((outcome) => outcome === "OK")).toHaveLength(3);
  expect(await reasonOf(refresh(other.refreshToken))).toBe("OK");
});

describe("a confirmation of the password", () => {
  test("replaces the session: a new id, new tokens, and those of the former one are refused", async () => {
    const { client, password, refreshToken, accessToken, id } = await running.register();
    const { sessions: before } = await client.listSessions({ userId: "me" });

    const { session } = await client.confirmPassword({ password });

    expect(session).toMatchObject({ userId: id });
    expect(session!.id).not.toBe(before[0]!.id);
    expect(await reasonOf(refresh(refreshToken))).toBe("BAD_REFRESH_TOKEN");
    await expect.poll(() => reasonOf(running.as(accessToken).getUser({ id: "me" }))).toBe("TOKEN_REVOKED");
    expect(await reasonOf(running.as(session!.accessToken).getUser({ id: "me" }))).toBe("OK");
    const { sessions: after } = await running.as(session!.accessToken).listSessions({ userId: "me" });
    expect(after.map((one) => [one.id, one.current])).toEqual([[session!.id, true]]);
    expect(await reasonOf(refresh(session!.refreshToken))).toBe("OK");
  });

  test("gives of two concurrent ones a session to one", async () => {
    const { client, password, id } = await running.register();

    const both = await Promise.all([1, 2].map(() => reasonOf(client.confirmPassword({ password }))));

    expect(both.toSorted()).toEqual(["BAD_REFRESH_TOKEN", "OK"]);
    const { sessions } = await running.identity.listSessions({ userId: id });
    expect(sessions).toHaveLength(1);
  });

  test("that is wrong leaves the session as it is", async () => {
    const { client, refreshToken } = await running.register();

    expect(await reasonOf(client.confirmPassword({ password: "wrong horse" }))).toBe("BAD_CREDENTIALS");

    expect(await reasonOf(refresh(refreshToken))).toBe("OK");
  });
});
