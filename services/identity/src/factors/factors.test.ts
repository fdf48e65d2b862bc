import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { decodeJwt } from "jose";
import { Secret } from "otpauth";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { insertReset } from "../sessions/password-reset-store.ts";
import { makeSecret } from "../sessions/session-store.ts";
import {
  identityDatabase,
  startTestIdentity,
  type TestIdentity,
  type TestPerson,
  testIdentityEnv,
} from "../testing/identity.ts";
import { totpCode } from "../testing/totp.ts";

let running: TestIdentity;
let nowMs = Date.now();

beforeAll(async () => {
  running = await startTestIdentity({ clock: { now: () => new Date(nowMs) } });
});
afterAll(() => running[Symbol.asyncDispose]());

/** The code of a period: 0 is the present one. */
function codeOf(secret: string, period = 0): string {
  return totpCode(secret, { nowMs, period });
}

/** Passes to the next period, so that there is a new code. */
function nextPeriod(): void {
  nowMs += 30_000;
}

type Enrolled = TestPerson & { readonly secret: string; readonly recoveryCodes: string[]; readonly factorId: string };

async function enroll(): Promise<Enrolled & { token: string }> {
  const person = await running.register();
  const { id: factorId, secret } = await person.client.enrollTotp({ userId: "me", name: "phone" });
  const answer = await person.client.confirmTotp({ userId: "me", id: factorId, code: codeOf(secret) });
  nextPeriod();
  const token = answer.session?.accessToken ?? "";
  return { ...person, secret, factorId, recoveryCodes: answer.recoveryCodes, token, client: running.as(token) };
}

async function begin({ username, password }: TestPerson): Promise<string> {
  const { session, user, secondFactor } = await running.anonymous.signIn({ username, password });
  expect([session, user]).toEqual([undefined, undefined]);
  return secondFactor?.signInToken ?? "";
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "OK",
    (error: unknown) => errorInfo(error).reason,
  );
}

const verify = (signInToken: string, code: string) => running.anonymous.verifySecondFactor({ signInToken, code });

test("a user with an app signs in by password and code, and the tokens tell so", async () => {
  const person = await enroll();
  expect(person.recoveryCodes).toHaveLength(10);
  expect(decodeJwt(person.accessToken).amr).toEqual(["pwd"]);
  expect(decodeJwt(person.token).amr).toEqual(["pwd", "otp", "mfa"]);

  const { session, user } = await verify(await begin(person), codeOf(person.secret));

  expect(user?.id).toBe(person.id);
  expect(decodeJwt(session?.accessToken ?? "").amr).toEqual(["pwd", "otp", "mfa"]);
  const refreshed = await running.anonymous.refreshToken({ refreshToken: session?.refreshToken ?? "" });
  expect(decodeJwt(refreshed.session?.accessToken ?? "").amr).toEqual(["pwd", "otp", "mfa"]);
});

test.each([
  [-2, "BAD_SECOND_FACTOR"],
  [-1, "BAD_SECOND_FACTOR"],
  [0, "OK"],
  [1, "OK"],
  [2, "BAD_SECOND_FACTOR"],
])("a code %i periods away: %s", async (period, expected) => {
  // The code of the period before was used by the enrollment.
  const person = await enroll();

  expect(await reasonOf(verify(await begin(person), codeOf(person.secret, period)))).toBe(expected);
});

test("a code of the period before is accepted if no later one was used", async () => {
  const person = await enroll();
  nextPeriod();
  expect(await reasonOf(verify(await begin(person), codeOf(person.secret, -1)))).toBe("OK");
});

test("a code acts once, also for concurrent sign-ins", async () => {
  const person = await enroll();
  const tokens = await Promise.all([1, 2, 3].map(() => begin(person)));

  const answers = await Promise.all(tokens.map((token) => reasonOf(verify(token, codeOf(person.secret)))));

  expect(answers.sort()).toEqual(["BAD_SECOND_FACTOR", "BAD_SECOND_FACTOR", "OK"]);
});

test("a sign-in is finished once, expires, and ends with a new password", async () => {
  const person = await enroll();
  const used = await begin(person);
  expect(await reasonOf(verify(used, codeOf(person.secret)))).toBe("OK");
  nextPeriod();
  expect(await reasonOf(verify(used, codeOf(person.secret)))).toBe("BAD_SIGN_IN_TOKEN");

  const changed = await begin(person);
  await person.client.changePassword({ userId: "me", currentPassword: person.password, newPassword: "quite new" });
  expect(await reasonOf(verify(changed, codeOf(person.secret)))).toBe("BAD_SIGN_IN_TOKEN");

  const late = await begin({ ...person, password: "quite new" });
  nowMs += 300_001;
  expect(await reasonOf(verify(late, codeOf(person.secret)))).toBe("BAD_SIGN_IN_TOKEN");
});

test("a recovery code signs in once, however it is spelled; new ones void it", async () => {
  const person = await enroll();
  const [first = "", second = ""] = person.recoveryCodes;

  expect(await reasonOf(verify(await begin(person), first.replaceAll("-", " ").toUpperCase()))).toBe("OK");
  expect(await reasonOf(verify(await begin(person), first))).toBe("BAD_SECOND_FACTOR");
  const { recoveryCodesLeft } = await person.client.listFactors({ userId: "me" });
  expect(recoveryCodesLeft).toBe(9);

  await person.client.replaceRecoveryCodes({ userId: "me" });
  expect(await reasonOf(verify(await begin(person), second))).toBe("BAD_SECOND_FACTOR");
});

test("wrong codes pause the second factor, whatever the sign-in, and a right password does not lift it", async () => {
  const person = await enroll();
  const guesses = await Promise.all(
    Array.from({ length: 20 }, async () => await reasonOf(verify(await begin(person), "000000"))),
  );
  expect(guesses.filter((reason) => reason === "BAD_SECOND_FACTOR").length).toBeLessThan(8);
  await running.prolongPauses();

  expect(await reasonOf(verify(await begin(person), codeOf(person.secret)))).toBe("TOO_MANY_ATTEMPTS");
  // It cannot be guessed: somebody who knows the password and tries codes does not keep the owner out.
  expect(await reasonOf(verify(await begin(person), person.recoveryCodes[0]!))).toBe("OK");
});

describe("a call that fails uses up no code", () => {
  /** Lets the calls of a session fail in the middle, as if it had ended meanwhile. */
  async function whileEnded(accessToken: string, call: () => Promise<unknown>): Promise<string> {
    const { sid } = decodeJwt(accessToken);
    await running.pool.query("update sessions set end_time = now(), end_reason = 'SIGNED_OUT' where id = $1", [sid]);
    const reason = await reasonOf(call());
    await running.pool.query("update sessions set end_time = null, end_reason = null where id = $1", [sid]);
    return reason;
  }

  test("ConfirmTotp of a session that has ended can be repeated, and gives the recovery codes", async () => {
    const person = await running.register();
    const { id, secret } = await person.client.enrollTotp({ userId: "me", name: "phone" });
    const finish = () => person.client.confirmTotp({ userId: "me", id, code: codeOf(secret) });

    expect(await whileEnded(person.accessToken, finish)).toBe("BAD_REFRESH_TOKEN");

    expect((await person.client.listFactors({ userId: "me" })).factors).toEqual([]);
    expect((await finish()).recoveryCodes).toHaveLength(10);
  });

  test("ConfirmPassword with a recovery code", async () => {
    const { client, token, password, recoveryCodes } = await enroll();
    const code = recoveryCodes[0]!;
    const confirm = () => client.confirmPassword({ password, code });

    expect(await whileEnded(token, confirm)).toBe("BAD_REFRESH_TOKEN");

    expect(await reasonOf(confirm())).toBe("OK");
  });

  test("VerifySecondFactor whose session cannot be stored", async () => {
    const person = await enroll();
    const signInToken = await begin(person);
    const code = person.recoveryCodes[0]!;
    await running.owner.query(
      `alter table sessions add constraint broken check (user_id <> '${person.id}' or end_time is not null) not valid`,
    );
    await running.pool.query(
      "update sessions set end_time = now(), end_reason = 'SIGNED_OUT' where user_id = $1 and end_time is null",
      [person.id],
    );

    await expect(verify(signInToken, code)).rejects.toMatchObject({ code: Code.Internal });
    await running.owner.query("alter table sessions drop constraint broken");

    expect(await reasonOf(verify(signInToken, code))).toBe("OK");
  });
});

test("a password reset goes round neither the second factor nor its pause", async () => {
  const person = await enroll();
  const reset = async (newPassword: string) => {
    const { token, hash } = makeSecret();
    await insertReset(running.pool, { hash, userId: person.id, expireTime: new Date(nowMs + 60_000) });
    await running.anonymous.resetPassword({ token, newPassword });
  };
  await reset("quite new");
  const signInToken = await begin({ ...person, password: "quite new" });
  for (let wrong = 0; wrong < 6; wrong++) {
    await reasonOf(verify(signInToken, "000000"));
  }
  await running.prolongPauses();

  await reset("newer still");

  const again = await begin({ ...person, password: "newer still" });
  expect(await reasonOf(verify(again, codeOf(person.secret)))).toBe("TOO_MANY_ATTEMPTS");
});

test("a session without the second factor can neither enroll another nor delete one", async () => {
  const person = await running.register();
  // A confirmation would end the session, and so would that of another one: the factor is confirmed by force.
  const { id } = await person.client.enrollTotp({ userId: "me", name: "phone" });
  await running.pool.query("update factors set confirm_time = now() where id = $1", [id]);

  expect(await reasonOf(person.client.enrollTotp({ userId: "me", name: "thief" }))).toBe("SECOND_FACTOR_REQUIRED");
  expect(await reasonOf(person.client.deleteFactor({ userId: "me", id }))).toBe("SECOND_FACTOR_REQUIRED");
  expect(await reasonOf(person.client.replaceRecoveryCodes({ userId: "me" }))).toBe("SECOND_FACTOR_REQUIRED");
});

test("the password alone confirms nobody who has a second factor", async () => {
  const { client, password, secret } = await enroll();

  expect(await reasonOf(client.confirmPassword({ password }))).toBe("SECOND_FACTOR_REQUIRED");
  expect(await reasonOf(client.confirmPassword({ password, code: "000000" }))).toBe("BAD_SECOND_FACTOR");
  const { session } = await client.confirmPassword({ password, code: codeOf(secret) });
  expect(decodeJwt(session?.accessToken ?? "").amr).toEqual(["pwd", "otp", "mfa"]);
});

test("others neither enroll nor delete a user's factors; an operator resets them, which is recorded", async () => {
  const person = await enroll();
  const thief = await running.register();
  const { factorId: id } = person;
  expect(await reasonOf(thief.client.deleteFactor({ userId: person.id, id }))).toBe("USER_NOT_FOUND");
  expect(await reasonOf(thief.client.deleteFactor({ userId: "me", id }))).toBe("OK");
  expect((await person.client.listFactors({ userId: "me" })).factors.map((factor) => factor.id)).toEqual([id]);
  expect(await reasonOf(thief.client.resetFactors({ userId: person.id }))).toBe("ROLE_REQUIRED");

  await running.identity.resetFactors({ userId: person.id });

  const { username, password } = person;
  expect((await running.anonymous.signIn({ username, password })).session?.userId).toBe(person.id);
  const { rows } = await running.pool.query("select operator_id, factors from factor_resets where user_id = $1", [
    person.id,
  ]);
  expect(rows).toEqual([{ operator_id: decodeJwt(running.operatorToken).sub, factors: 1 }]);
});

test("secrets and recovery codes are not readable in the database", async () => {
  const { id, secret, recoveryCodes } = await enroll();

  const { rows } = await running.pool.query(
    `select secret as value from factors where user_id = $1 union all select hash from recovery_codes where user_id = $1`,
    [id],
  );

  const stored = Buffer.concat(rows.map(({ value }) => value));
  expect(rows).toHaveLength(11);
  expect(stored.includes(Buffer.from(Secret.fromBase32(secret).bytes))).toBe(false);
  expect(recoveryCodes.some((code) => stored.includes(code) || stored.includes(code.replaceAll("-", "")))).toBe(false);
});

describe("a user of SEED_USERS with totp_secret", () => {
  const robot = { username: "robot", email: "robot@shop.test", password: "the robot's own", roles: ["operator"] };
  const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
  const env = (user: object) => {
    const { SEED_USERS = "[]" } = testIdentityEnv("");
    return { SEED_USERS: JSON.stringify([...JSON.parse(SEED_USERS), user]) };
  };

  test("signs in with the codes of that secret, also after a restart, and not without", async () => {
    await using database = await identityDatabase();
    for (const round of [1, 2]) {
      await using seeded = await startTestIdentity({ database, env: env({ ...robot, totp_secret: secret }) });
      const { session, secondFactor } = await seeded.anonymous.signIn(robot);
      expect(session).toBeUndefined();
      const signInToken = secondFactor?.signInToken ?? "";
      const answer = await seeded.anonymous.verifySecondFactor({
        signInToken,
        code: totpCode(secret, { period: round - 2 }),
      });
      expect(decodeJwt(answer.session?.accessToken ?? "").amr).toEqual(["pwd", "otp", "mfa"]);
    }
    const { rows } = await database.pool.query("select name, confirm_time is not null as confirmed from factors");
    expect(rows).toEqual([{ name: "configuration", confirmed: true }]);
  }, 60_000);

  test.each([[""], ["short"], ["JBSWY3DPEHPK3PX0JBSWY3DPEHPK3PXP"], ["A".repeat(25)], [7]])(
    "%j is refused at the start, and not repeated in the error",
    (totp_secret) => {
      const read = () =>
        readConfig({ ...testIdentityEnv("postgres://db/identity"), ...env({ ...robot, totp_secret }) });
      expect(read).toThrow("SEED_USERS");
      expect(read).not.toThrow(/JBSWY3/);
    },
  );
});
