import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity, type TestPerson, testServiceSecret } from "../testing/identity.ts";

let running: TestIdentity;
beforeAll(async () => {
  running = await startTestIdentity({ env: { PASSWORD_WORDS: "Blue Parrot, Feather" } });
});
afterAll(() => running[Symbol.asyncDispose]());

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "OK",
    (error: unknown) => {
      const { reason, violations } = errorInfo(error);
      return violations.length > 0 ? `not allowed by the contract: ${violations.map(({ field }) => field)}` : reason;
    },
  );
}

let people = 0;
const account = (password: string) => {
  const username = `rules-${++people}`;
  return { username, email: `${username}@shop.test`, password };
};

const passwords: [string, string, string][] = [
  ["of seven characters", "7 chars", "not allowed by the contract: password"],
  ["of eight code units and seven characters", "7 char😀", "not allowed by the contract: password"],
  ["of eight characters that are seven in NFKC", "e\u0301 char7", "PASSWORD_TOO_SHORT"],
  ["of eight characters", "8 chars!", "OK"],
  ["that is common", "password123", "PASSWORD_TOO_COMMON"],
  ["that is common in another case", "PassWord123", "PASSWORD_TOO_COMMON"],
  ["that is common in full-width letters", "ｐassword123", "PASSWORD_TOO_COMMON"],
  ["of one character", "zzzzzzzzzz", "PASSWORD_TOO_COMMON"],
  ["that is the name of the product and a year", "Sagacart2026!", "PASSWORD_TOO_OBVIOUS"],
  ["that is the shop's host", "shop-2026-$h0p", "PASSWORD_TOO_OBVIOUS"],
  ["that is a word of the configuration", "Blue.P4rr0t!", "PASSWORD_TOO_OBVIOUS"],
  ["that has such words among others", "sagacart horse battery", "OK"],
  ["of 64 characters", "long ".repeat(13).slice(0, 64), "OK"],
  ["of 128 characters", "é→😀 ".repeat(32), "OK"],
  ["of 129 characters", "long ".repeat(26).slice(0, 129), "not allowed by the contract: password"],
];

test.each(passwords)("a new password %s: %j is %s", async (_, password, expected) => {
  expect(await reasonOf(running.anonymous.register(account(password)))).toBe(expected);
});

test("the user's own name is no password", async () => {
  const asked = account("x");

  expect(
    await reasonOf(running.anonymous.register({ ...asked, username: "unusual-name", password: "Unusual-Name" })),
  ).toBe("PASSWORD_TOO_COMMON");
});

test("two long passwords that differ after 72 bytes are two passwords", async () => {
  const [one, other] = [`${"é→".repeat(20)}one`, `${"é→".repeat(20)}two`];
  const asked = account(one);
  await running.anonymous.register(asked);

  expect(await reasonOf(running.anonymous.signIn({ username: asked.username, password: other }))).toBe(
    "BAD_CREDENTIALS",
  );
  expect(await reasonOf(running.anonymous.signIn({ username: asked.username, password: one }))).toBe("OK");
});

test.each(["change", "reset"])("the rules hold for a %s too", async (way) => {
  const { client, id, password } = await running.register();
  const token = "t".repeat(43);
  await running.pool.query(
    "insert into password_resets (hash, user_id, expire_time) values (sha256(convert_to($1, 'UTF8')), $2, now() + interval '1 hour') on conflict do nothing",
    [token, id],
  );
  const set = (newPassword: string) =>
    reasonOf(
      way === "change"
        ? client.changePassword({ userId: "me", currentPassword: password, newPassword })
        : running.anonymous.resetPassword({ token, newPassword }),
    );

  expect(await set("password123")).toBe("PASSWORD_TOO_COMMON");
  expect(await set("sagacart-2026")).toBe("PASSWORD_TOO_OBVIOUS");
  expect(await set("quite another")).toBe("OK");
});

async function withPassword(password: string): Promise<TestPerson> {
  const person = await running.register();
  await person.client.changePassword({ userId: "me", currentPassword: person.password, newPassword: password });
  const { session } = await running.anonymous.signIn({ username: person.username, password });
  return { ...person, password, client: running.as(session!.accessToken) };
}

test("an operator's password has at least twelve characters: to become one, and then", async () => {
  const short = await withPassword("11 chars ok");
  const promote = (id: string) => reasonOf(running.identity.setRoles({ id, roles: ["operator"] }));
  expect(await promote(short.id)).toBe("OPERATOR_PASSWORD_TOO_SHORT");

  const long = await withPassword("12 chars are");
  expect(await promote(long.id)).toBe("OK");
  const { session } = await running.anonymous.signIn({ username: long.username, password: long.password });
  const change = running.as(session!.accessToken).changePassword({
    ...{ userId: "me", currentPassword: long.password, newPassword: "11 chars ok" },
  });
  expect(await reasonOf(change)).toBe("PASSWORD_TOO_SHORT");
});

test("a password from before its length was looked at is judged at the next sign-in", async () => {
  const { id, username, password } = await running.register();
  await running.pool.query("update users set has_operator_password = null where id = $1", [id]);
  const promote = () => reasonOf(running.identity.setRoles({ id, roles: ["operator"] }));
  expect(await promote()).toBe("OPERATOR_PASSWORD_TOO_SHORT");

  await running.anonymous.signIn({ username, password });

  expect(await promote()).toBe("OK");
});

test("six characters are enough by foreign rules, which only a program uses, and which tell a taken address", async () => {
  const asked = account("six ch");
  const response = await running.fetch(`${running.issuer}/oidc/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`surfaces:${testServiceSecret}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  const { access_token: token } = (await response.json()) as { access_token: string };
  const program = running.as(token);

  expect(await reasonOf(running.anonymous.registerByForeignRules(asked))).toBe("TOKEN_MISSING");
  expect(await reasonOf(running.identity.registerByForeignRules(asked))).toBe("ROLE_REQUIRED");
  expect(await reasonOf(program.registerByForeignRules(asked))).toBe("OK");
  expect(await reasonOf(program.registerByForeignRules({ ...account("six ch"), email: asked.email }))).toBe(
    "EMAIL_TAKEN",
  );
  const atOnce = [1, 2].map(() => program.registerByForeignRules({ ...account("six ch"), email: "race@shop.test" }));
  expect((await Promise.all(atOnce.map(reasonOf))).sort()).toEqual(["EMAIL_TAKEN", "OK"]);
});

test("a seeded operator with a weak password is refused, unless the shop is for trying out", async () => {
  const seeds = [{ username: "weak", email: "weak@shop.test", password: "admin123", roles: ["operator"] }];
  const env = {
    SEED_USERS: JSON.stringify([
      ...seeds,
      { username: "root", email: "root@shop.test", password: "the operator's own", roles: ["operator"] },
    ]),
  };

  await expect(startTestIdentity({ env })).rejects.toThrow(
    "SEED_USERS: user weak: the password must have at least 12 characters. SEED_WEAK_PASSWORDS=true allows it",
  );
  await using trying = await startTestIdentity({ env: { ...env, SEED_WEAK_PASSWORDS: "true" } });
  expect((await trying.identity.listUsers({ username: "weak" })).users).toHaveLength(1);
});
