import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestIdentity, startTestMailServer, type TestIdentity, type TestMailServer } from "../testing/identity.ts";

let running: TestIdentity;
let post: TestMailServer;

beforeAll(async () => {
  post = await startTestMailServer();
  running = await startTestIdentity({ env: { SMTP_URL: post.url, PASSWORD_MIN_LENGTH: "9" } });
});

afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await post[Symbol.asyncDispose]();
});

async function reasonOf(call: Promise<unknown>) {
  const error = await call.then(
    () => new Error("the call succeeded"),
    (error: unknown) => error,
  );
  return errorInfo(error).reason;
}

const mailsTo = (email: string) => post.mails.filter(({ to }) => to?.some(({ address }) => address === email));

describe("a change", () => {
  test("ends the other sessions and keeps the caller's", async () => {
    const { client, username, password, email, refreshToken } = await running.register();
    const other = await running.anonymous.signIn({ username, password });
    await client.changePassword({ userId: "me", currentPassword: password, newPassword: "new horse", refreshToken });

    expect(await reasonOf(client.refreshToken({ refreshToken: other.session!.refreshToken }))).toBe(
      "BAD_REFRESH_TOKEN",
    );
    await client.refreshToken({ refreshToken });
    await running.anonymous.signIn({ username, password: "new horse" });
    expect(await reasonOf(running.anonymous.signIn({ username, password }))).toBe("BAD_CREDENTIALS");
    await expect
      .poll(() => mailsTo(email).map(({ subject }) => subject))
      .toContain("Your password was changed / Ihr Passwort wurde geändert");
  });

  test("needs the current password and a new one that is long enough", async () => {
    const { client, password } = await running.register();
    const change = (currentPassword: string, newPassword: string) =>
      reasonOf(client.changePassword({ userId: "me", currentPassword, newPassword }));

    expect(await change("wrong horse", "new horse")).toBe("BAD_CREDENTIALS");
    expect(await change(password, "8 chars!")).toBe("PASSWORD_TOO_SHORT");
  });

  test("of another user's password is refused, even to an operator", async () => {
    const { id, password: currentPassword } = await running.register();
    const asked = { userId: id, currentPassword, newPassword: "new horse" };

    expect(await reasonOf(running.identity.changePassword(asked))).toBe("USER_NOT_FOUND");
  });
});

describe("a reset by mail", () => {
  test("sets a new password once and ends all sessions", async () => {
    const { email, username, refreshToken } = await running.register();
    await running.anonymous.requestPasswordReset({ email: email.toUpperCase() });
    const token = await post.tokenTo(email, "reset");
    const reset = () => running.anonymous.resetPassword({ token, newPassword: "quite new" });

    const twice = await Promise.allSettled([reset(), reset()]);

    expect(twice.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await reasonOf(reset())).toBe("BAD_RESET_TOKEN");
    expect(await reasonOf(running.anonymous.refreshToken({ refreshToken }))).toBe("BAD_REFRESH_TOKEN");
    await running.anonymous.signIn({ username, password: "quite new" });
  });

  test("answers the same for an unknown address, and sends nothing", async () => {
    await running.anonymous.requestPasswordReset({ email: "nobody@shop.test" });
    const { email } = await running.register();
    await running.anonymous.requestPasswordReset({ email });
    await post.tokenTo(email, "reset");

    // The mail of the later request has arrived.
    expect(mailsTo("nobody@shop.test")).toEqual([]);
  });

  test("is refused after five requests, whether the user exists or not", async () => {
    const { email } = await running.register();
    for (const address of [email, "nobody-else@shop.test"]) {
      const ask = () => running.anonymous.requestPasswordReset({ email: address });
      for (let time = 0; time < 5; time++) {
        await ask();
      }
      await running.prolongPauses();
      expect(await reasonOf(ask())).toBe("TOO_MANY_ATTEMPTS");
    }
  });

  test("is refused after half an hour", async () => {
    const { email, id } = await running.register();
    await running.anonymous.requestPasswordReset({ email });
    const token = await post.tokenTo(email, "reset");
    const { rows } = await running.pool.query(
      `update password_resets set expire_time = now() where user_id = $1
       returning round(extract(epoch from expire_time - now())) as left_before`,
      [id],
    );
    expect(rows).toHaveLength(1);

    expect(await reasonOf(running.anonymous.resetPassword({ token, newPassword: "quite new" }))).toBe(
      "BAD_RESET_TOKEN",
    );
  });

  test("is refused after the password was changed in another way", async () => {
    const { email, client, password } = await running.register();
    await running.anonymous.requestPasswordReset({ email });
    const token = await post.tokenTo(email, "reset");
    await client.changePassword({ userId: "me", currentPassword: password, newPassword: "new horse" });

    expect(await reasonOf(running.anonymous.resetPassword({ token, newPassword: "quite new" }))).toBe(
      "BAD_RESET_TOKEN",
    );
  });
});

test("a token sent to a former e-mail address is refused", async () => {
  const { email, client, id } = await running.register();
  await running.anonymous.requestPasswordReset({ email });
  const token = await post.tokenTo(email, "reset");
  await client.updateUser({ user: { id, email: `moved-${email}` } });
  await running.anonymous.confirmEmail({ token: await post.tokenTo(`moved-${email}`, "confirm") });

  expect(await reasonOf(running.anonymous.resetPassword({ token, newPassword: "quite new" }))).toBe("BAD_RESET_TOKEN");
});

test("an unreachable mail server does not fail the call", async () => {
  await using away = await startTestIdentity();
  const { email } = await away.register();

  await away.anonymous.requestPasswordReset({ email });
});

test("a password shorter than the contract's minimum is refused whatever is configured", async () => {
  const account = { username: "shorty", email: "shorty@shop.test", password: "12345" };
  const error = await running.anonymous.register(account).catch((error: unknown) => error);

  expect(errorInfo(error)).toMatchObject({ code: Code.InvalidArgument, violations: [{ field: "password" }] });
});
