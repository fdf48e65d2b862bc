import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity } from "../testing/identity.ts";
import { countAttempt, readWaitMs } from "./throttle-store.ts";

let running: TestIdentity;
beforeAll(async () => {
  running = await startTestIdentity({ env: { SIGN_IN_FREE_ATTEMPTS: "3", SIGN_IN_FREE_ATTEMPTS_PER_ADDRESS: "50" } });
});
afterAll(() => running[Symbol.asyncDispose]());

async function signIn(username: string, password: string, deviceToken = ""): Promise<string> {
  return await running.anonymous.signIn({ username, password, deviceToken }).then(
    () => "OK",
    (error: unknown) => errorInfo(error).reason,
  );
}

const spellings: [string, (name: string) => string][] = [
  ["in upper case", (name) => name.toUpperCase()],
  ["in full-width letters", (name) => name.replaceAll(/[a-z]/g, (c) => String.fromCodePoint(c.charCodeAt(0) + 0xfee0))],
  ["with an invisible character", (name) => `${name.slice(0, 3)}\u200b${name.slice(3)}`],
  ["with a dotted capital I", (name) => name.replace("i", "İ")],
  ["by the e-mail address", (name) => `${name}@shop.test`],
  ["by the e-mail address in full-width letters", (name) => `${name}＠shop.test`],
];

test.each(spellings)("a locked name does not sign in %s", async (_, spell) => {
  const username = `victim-${crypto.randomUUID().slice(0, 8)}`;
  const password = "correct horse";
  await running.anonymous.register({ username, email: `${username}@shop.test`, password });
  for (let attempt = 0; attempt < 3; attempt++) {
    expect(await signIn(username, "wrong")).toBe("BAD_CREDENTIALS");
  }
  await running.prolongPauses();
  expect(await signIn(username, password)).toBe("TOO_MANY_ATTEMPTS");

  // Or it is nobody's name, and no way around.
  expect(["TOO_MANY_ATTEMPTS", "BAD_CREDENTIALS"]).toContain(await signIn(spell(username), password));
});

test("guesses under different spellings are counted together", async () => {
  const { username, email, password } = await running.register();
  for (const name of [username, username.toUpperCase(), email]) {
    expect(await signIn(name, "wrong")).toBe("BAD_CREDENTIALS");
  }
  await running.prolongPauses();

  expect(await signIn(username, password)).toBe("TOO_MANY_ATTEMPTS");
});

test("on a device where the user has signed in, others' guesses do not lock the user out; guesses there do", async () => {
  const { username, password } = await running.register();
  const { deviceToken } = await running.anonymous.signIn({ username, password });
  for (let attempt = 0; attempt < 3; attempt++) {
    await signIn(username, "wrong");
  }
  await running.prolongPauses();
  expect(await signIn(username, password)).toBe("TOO_MANY_ATTEMPTS");

  for (let attempt = 0; attempt < 3; attempt++) {
    expect(await signIn(username, "wrong", deviceToken)).toBe("BAD_CREDENTIALS");
  }
  await running.prolongPauses();
  expect(await signIn(username, password, deviceToken)).toBe("TOO_MANY_ATTEMPTS");
});

test("a known device signs in although its user's name is locked, and keeps its token", async () => {
  const { username, password } = await running.register();
  const { deviceToken } = await running.anonymous.signIn({ username, password });
  for (let attempt = 0; attempt < 3; attempt++) {
    await signIn(username, "wrong");
  }
  await running.prolongPauses();

  const again = await running.anonymous.signIn({ username, password, deviceToken });

  expect(again.deviceToken).toBe(deviceToken);
});

const badTokens: [string, (token: string) => string | Promise<string>][] = [
  ["another user's", async () => (await running.anonymous.signIn(await running.register())).deviceToken],
  ["a changed one", (token) => `${token.slice(0, -2)}AA`],
  ["one with another end", (token) => token.replace(/\.([0-9a-z]+)\./, ".zzzzzzzzz.")],
  ["none", () => ""],
  ["nonsense", () => "x.y.z"],
];

test.each(badTokens)("%s as device token helps nobody around a lock", async (_, make) => {
  const { username, password } = await running.register();
  const { deviceToken } = await running.anonymous.signIn({ username, password });
  for (let attempt = 0; attempt < 3; attempt++) {
    await signIn(username, "wrong");
  }
  await running.prolongPauses();

  expect(await signIn(username, password, await make(deviceToken))).toBe("TOO_MANY_ATTEMPTS");
});

test("a count leaks away while attempts go on, as many in an hour as are free", async () => {
  const counted = { key: `address ${crypto.randomUUID()}`, free: 10, longestPauseMs: 300_000 };
  const wait = async () => (await readWaitMs(running.pool, [counted.key])) > 0;
  const pass = (minutes: number) =>
    running.pool.query(
      `update throttles set update_time = update_time - $2 * interval '1 minute',
         blocked_until = blocked_until - $2 * interval '1 minute' where key = sha256(convert_to($1, 'UTF8'))`,
      [counted.key, minutes],
    );
  for (let attempt = 0; attempt < 10; attempt++) {
    await countAttempt(running.pool, counted);
  }
  expect(await wait()).toBe(true);

  // Two of ten leak in a quarter of an hour, and one comes.
  for (let quarter = 0; quarter < 6; quarter++) {
    await pass(15);
    await countAttempt(running.pool, counted);
  }
  expect(await wait()).toBe(false);
});
