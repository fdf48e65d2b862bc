import { errorInfo } from "@sagacart/chassis/errors";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  startTestIdentity,
  startTestMailServer,
  type TestIdentity,
  type TestMailServer,
  type TestPerson,
} from "../testing/identity.ts";

let running: TestIdentity;
let post: TestMailServer;

beforeAll(async () => {
  post = await startTestMailServer();
  running = await startTestIdentity({ env: { SMTP_URL: post.url } });
});

afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await post[Symbol.asyncDispose]();
});

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "OK",
    (error: unknown) => errorInfo(error).reason,
  );
}

const subjectsTo = (email: string) =>
  post.mails.filter(({ to }) => to?.some(({ address }) => address === email)).map(({ subject }) => subject);

/** A user who has confirmed the address. */
async function verifiedPerson(): Promise<TestPerson> {
  const person = await running.register();
  await running.anonymous.confirmEmail({ token: await post.tokenTo(person.email, "confirm") });
  return person;
}

/** The person's client with a token of a sign-in that was an hour ago: what a thief of an access token has. */
async function withOldSignIn({ accessToken, refreshToken }: TestPerson) {
  await running.pool.query("update sessions set auth_time = auth_time - interval '1 hour' where id = $1", [
    decodeJwt(accessToken).sid,
  ]);
  const { session } = await running.anonymous.refreshToken({ refreshToken });
  return running.as(session!.accessToken);
}

type Client = TestIdentity["identity"];
const changesOfAccounts: [string, (client: Client) => Promise<unknown>][] = [
  ["a new e-mail address", (client) => client.updateUser({ user: { id: "me", email: "thief@shop.test" } })],
  ["the deletion of the account", (client) => client.deleteUser({ id: "me" })],
  ["the end of all sessions", (client) => client.endSessions({ userId: "me", includeCurrent: true })],
  ["the end of a session", (client) => client.endSession({ userId: "me", id: "any" })],
];

describe("with an access token alone", () => {
  test.each(changesOfAccounts)("%s needs a fresh sign-in", async (_, change) => {
    const person = await running.register();
    const stolen = await withOldSignIn(person);

    expect(await reasonOf(change(stolen))).toBe("FRESH_SIGN_IN_REQUIRED");
    expect((await running.identity.getUser({ id: person.id })).user).toMatchObject({ email: person.email });
  });

  test.each(changesOfAccounts)("%s is possible after the password is confirmed", async (_, change) => {
    const person = await running.register();
    const old = await withOldSignIn(person);
    expect(await reasonOf(old.confirmPassword({ password: "wrong horse" }))).toBe("BAD_CREDENTIALS");

    const { session } = await old.confirmPassword({ password: person.password });

    expect(session).toMatchObject({ userId: person.id, refreshToken: expect.stringMatching(/./) });
    expect(await reasonOf(change(running.as(session!.accessToken)))).toBe("OK");
  });

  test("a new password needs the current one, however fresh the sign-in is", async () => {
    const { client } = await running.register();
    const change = client.changePassword({ userId: "me", currentPassword: "wrong", newPassword: "another horse" });

    expect(await reasonOf(change)).toBe("BAD_CREDENTIALS");
  });

  test("another telephone number needs no fresh sign-in", async () => {
    const old = await withOldSignIn(await running.register());

    expect(await reasonOf(old.updateUser({ user: { id: "me", phone: "1" } }))).toBe("OK");
  });
});

describe("a new address", () => {
  test("counts once the link that was mailed to it is used, and the old one hears of it", async () => {
    const { client, id, email, username, password } = await verifiedPerson();
    const moved = `moved-${email}`;

    const { user: asked } = await client.updateUser({ user: { id: "me", email: moved } });
    expect(asked).toMatchObject({ email, emailVerified: true, pendingEmail: moved });
    const token = await post.tokenTo(moved, "confirm");
    expect(await reasonOf(running.anonymous.signIn({ username: moved, password }))).toBe("BAD_CREDENTIALS");
    await running.anonymous.confirmEmail({ token });

    const { user } = await running.identity.getUser({ id });
    expect(user).toMatchObject({ username, email: moved, emailVerified: true, pendingEmail: "" });
    expect(await reasonOf(running.anonymous.confirmEmail({ token }))).toBe("BAD_EMAIL_TOKEN");
    await expect
      .poll(() => subjectsTo(email))
      .toContain("Your e-mail address was changed / Ihre E-Mail-Adresse wurde geändert");
  });

  test("of two uses of one token at the same time, one counts", async () => {
    const { client, email } = await verifiedPerson();
    await client.updateUser({ user: { id: "me", email: `moved-${email}` } });
    const token = await post.tokenTo(`moved-${email}`, "confirm");

    const twice = await Promise.all([1, 2].map(() => reasonOf(running.anonymous.confirmEmail({ token }))));

    expect(twice.sort()).toEqual(["BAD_EMAIL_TOKEN", "OK"]);
  });

  test("the link to an address that is not pending any more is refused", async () => {
    const { client, id, email } = await verifiedPerson();
    await client.updateUser({ user: { id: "me", email: `first-${email}` } });
    const first = await post.tokenTo(`first-${email}`, "confirm");
    await client.updateUser({ user: { id: "me", email: `second-${email}` } });

    expect(await reasonOf(running.anonymous.confirmEmail({ token: first }))).toBe("BAD_EMAIL_TOKEN");
    expect((await running.identity.getUser({ id })).user).toMatchObject({ email, pendingEmail: `second-${email}` });
  });

  test("an expired link is refused", async () => {
    const { client, id, email } = await verifiedPerson();
    await client.updateUser({ user: { id: "me", email: `moved-${email}` } });
    const token = await post.tokenTo(`moved-${email}`, "confirm");
    await running.pool.query("update email_tokens set expire_time = now() where user_id = $1", [id]);

    expect(await reasonOf(running.anonymous.confirmEmail({ token }))).toBe("BAD_EMAIL_TOKEN");
  });

  test("the owner of the old one can undo it: all sessions end, and a token for a new password comes", async () => {
    const person = await verifiedPerson();
    const { client, id, email, refreshToken, username } = person;
    await client.updateUser({ user: { id: "me", email: `thief-${email}` } });
    await running.anonymous.confirmEmail({ token: await post.tokenTo(`thief-${email}`, "confirm") });
    const undo = await post.tokenTo(email, "undo");
    // The thief changes it once more, and undoes that, which may not void what the owner has.
    const { session } = await running.anonymous.signIn({ username, password: person.password });
    await running.as(session!.accessToken).updateUser({ user: { id: "me", email: `again-${email}` } });
    await running.anonymous.confirmEmail({ token: await post.tokenTo(`again-${email}`, "confirm") });
    await running.anonymous.undoEmailChange({ token: await post.tokenTo(`thief-${email}`, "undo") });

    await running.anonymous.undoEmailChange({ token: undo });

    expect((await running.identity.getUser({ id })).user).toMatchObject({ email, emailVerified: true });
    expect(await reasonOf(running.anonymous.refreshToken({ refreshToken }))).toBe("BAD_REFRESH_TOKEN");
    const token = await post.tokenTo(email, "reset");
    await running.anonymous.resetPassword({ token, newPassword: "mine again now" });
    expect(await reasonOf(running.anonymous.undoEmailChange({ token: undo }))).toBe("BAD_EMAIL_TOKEN");
  });
});

describe("no answer shows which addresses are known", () => {
  const known = "You already have an account / Sie haben bereits ein Konto";
  const comparable = (answer: object | undefined, person: { id: string; username: string }) =>
    JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? `${value}` : value))
      .replaceAll(person.id, "ID")
      .replaceAll(person.username, "NAME")
      .replaceAll(/"(seconds|nanos)":("\d+"|\d+)/g, "TIME");

  test("registering with a taken address, in any spelling, answers as with a free one, and mails its owner", async () => {
    const owner = await verifiedPerson();
    const asked = (username: string, email: string) => ({ username, email, password: "correct horse" });
    const names = ["free-1", "taken-1", "taken-2"];
    const spellings = ["quite-unknown@shop.test", owner.email, owner.email.toUpperCase()];

    const answers = await Promise.all(
      names.map(async (username, index) => {
        const email = spellings[index] ?? "";
        const { user } = await running.anonymous.register(asked(username, email));
        const { user: signedIn } = await running.anonymous.signIn({ username, password: "correct horse" });
        expect(signedIn?.id).toBe(user?.id);
        return comparable(user, { id: user?.id ?? "", username }).replace(email, "EMAIL");
      }),
    );

    expect(new Set(answers).size).toBe(1);
    await expect.poll(() => subjectsTo(owner.email)).toContain(known);
    // The address still opens the owner's account, and a reset is for it.
    expect((await running.anonymous.signIn({ username: owner.email, password: owner.password })).user?.id).toBe(
      owner.id,
    );
    expect((await running.identity.getUser({ id: owner.id })).user).toMatchObject({ emailVerified: true });
  });

  test("changing to a taken address answers as with a free one, mails its owner, and takes nothing", async () => {
    const [owner, person] = [await verifiedPerson(), await verifiedPerson()];
    const change = async (email: string) => {
      const { user } = await person.client.updateUser({ user: { id: "me", email } });
      return comparable(user, person)
        .replace(email, "EMAIL")
        .replace(/"etag":"\d+"/, "ETAG");
    };

    expect(await change(owner.email)).toBe(await change("quite-free@shop.test"));
    await expect.poll(() => subjectsTo(owner.email)).toContain(known);
    const { rows } = await running.pool.query("select from email_tokens where user_id = $1 and email = $2", [
      person.id,
      owner.email,
    ]);
    expect(rows).toEqual([]);
  });

  test("of two who gave one address, it belongs to the one who confirms it first", async () => {
    const email = "shared@shop.test";
    const register = async (username: string) => {
      await running.anonymous.register({ username, email, password: "correct horse" });
      return await post.tokenTo(email, "confirm");
    };
    const [first, second] = [await register("shared-1"), await register("shared-2")];

    const outcomes = await Promise.all(
      [first, second].map((token) => reasonOf(running.anonymous.confirmEmail({ token }))),
    );

    expect(outcomes.sort()).toEqual(["BAD_EMAIL_TOKEN", "OK"]);
    const { users } = await running.identity.listUsers({ email });
    expect(users.map(({ emailVerified }) => emailVerified).sort()).toEqual([false, true]);
  });

  test("a stranger gets a few mails that somebody asks for, and no more", async () => {
    const email = "stranger@shop.test";
    for (let index = 0; index < 8; index++) {
      await running.anonymous.register({ username: `flood-${index}`, email, password: "correct horse" });
      await running.prolongPauses();
    }
    const witness = await running.register();
    await post.tokenTo(witness.email, "confirm");

    expect(subjectsTo(email).length).toBeLessThanOrEqual(5);
  });
});

test("where the shop asks for it, a user signs in only after the address is confirmed, and gets the link again", async () => {
  await using strict = await startTestIdentity({ env: { SMTP_URL: post.url, UNVERIFIED_USERS_MAY: "nothing" } });
  const account = { username: "waits", email: "waits@shop.test", password: "correct horse" };
  await strict.anonymous.register(account);
  const first = await post.tokenTo(account.email, "confirm");

  expect(await reasonOf(strict.anonymous.signIn({ ...account, password: "wrong horse" }))).toBe("BAD_CREDENTIALS");
  expect(await reasonOf(strict.anonymous.signIn(account))).toBe("EMAIL_NOT_VERIFIED");

  expect(await post.tokenTo(account.email, "confirm")).not.toBe(first);
  await strict.anonymous.confirmEmail({ token: first });
  expect(await reasonOf(strict.anonymous.signIn(account))).toBe("OK");
});

test("opening the link of a mail does nothing; its button confirms the address", async () => {
  const { id, email } = await running.register();
  const token = await post.tokenTo(email, "confirm");
  const url = `${running.httpUrl}/oidc/confirm-email`;
  const isVerified = async () => (await running.identity.getUser({ id })).user?.emailVerified;

  const opened = await fetch(`${url}?token=${token}`);
  expect([opened.status, await isVerified()]).toEqual([200, false]);
  expect(await opened.text()).toContain(`value="${token}"`);

  const pressed = await fetch(url, { method: "POST", body: new URLSearchParams({ token }) });
  expect([pressed.status, await isVerified()]).toEqual([200, true]);
  expect((await fetch(url, { method: "POST", body: new URLSearchParams({ token }) })).status).toBe(400);
});

test("the address of a user from an earlier version is its owner's too, and a change by an earlier process is seen", async () => {
  const { id, email, password } = await verifiedPerson();
  await running.pool.query("update users set email_key = null, username_key = null where id = $1", [id]);
  await running.anonymous.register({ username: "copycat", email: email.toUpperCase(), password: "another horse" });
  expect((await running.anonymous.signIn({ username: email, password })).user?.id).toBe(id);

  await running.pool.query("update users set email = 'old-pod@shop.test' where id = $1", [id]);

  expect((await running.anonymous.signIn({ username: "OLD-pod@shop.test", password })).user?.id).toBe(id);
});
