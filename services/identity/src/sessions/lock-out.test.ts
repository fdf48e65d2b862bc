import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  startTestIdentity,
  startTestMailServer,
  type TestIdentity,
  type TestMailServer,
  type TestPerson,
} from "../testing/identity.ts";

let mail: TestMailServer;
let running: TestIdentity;

beforeAll(async () => {
  mail = await startTestMailServer();
  running = await startTestIdentity({ env: { SMTP_URL: mail.url, SIGN_IN_FREE_ATTEMPTS: "2" } });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await mail[Symbol.asyncDispose]();
});

type Name = "username" | "email";
/** Proves who the caller is, on a device with this token, and returns the password from then on. */
type Proof = (person: TestPerson, deviceToken: string) => Promise<string>;

async function signInWith(person: TestPerson, name: Name, password: string): Promise<string> {
  const call = running.anonymous.signIn({ username: person[name], password });
  return await call.then(
    () => "OK",
    (error: unknown) => errorInfo(error).reason,
  );
}

/** Lets somebody guess until even the right password is refused. */
async function lockOut(person: TestPerson, name: Name): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt++) {
    await signInWith(person, name, "wrong");
  }
  await running.prolongPauses();
  expect(await signInWith(person, name, person.password)).toBe("TOO_MANY_ATTEMPTS");
}

async function resetByMail({ email }: TestPerson): Promise<string> {
  await running.anonymous.requestPasswordReset({ email });
  const token = await mail.tokenTo(email, "reset");
  await running.anonymous.resetPassword({ token, newPassword: "quite new" });
  return "quite new";
}

async function unlock({ id, password }: TestPerson): Promise<string> {
  const { user } = await running.identity.unlockUser({ id });
  expect(user?.id).toBe(id);
  return password;
}

const proofs: [string, Proof][] = [
  ["a password reset by mail", resetByMail],
  ["an operator's unlock", unlock],
  [
    "a sign-in on a known device",
    async ({ username, password }, deviceToken) => {
      await running.anonymous.signIn({ username, password, deviceToken });
      return password;
    },
  ],
  [
    "a confirmation of the password",
    async ({ client, password }) => {
      await client.confirmPassword({ password });
      return password;
    },
  ],
  [
    "a change of the password",
    async ({ client, password }) => {
      await client.changePassword({ userId: "me", currentPassword: password, newPassword: "quite new" });
      return "quite new";
    },
  ],
];

const names: Name[] = ["username", "email"];

test.each(proofs.flatMap(([proof, prove]) => names.map((name) => [proof, name, prove] as const)))(
  "%s lifts the pause of the %s",
  async (_proof, name, prove) => {
    const person = await running.register();
    const { username, password } = person;
    const { deviceToken } = await running.anonymous.signIn({ username, password });
    await lockOut(person, name);

    const next = await prove(person, deviceToken);

    expect(await signInWith(person, name, next)).toBe("OK");
  },
);

test("guesses in a session pause that session, and no sign-in", async () => {
  const person = await running.register();
  const confirm = (password: string) =>
    person.client.confirmPassword({ password }).then(
      () => "OK",
      (error: unknown) => errorInfo(error).reason,
    );
  expect(await confirm("wrong")).toBe("BAD_CREDENTIALS");
  expect(await confirm("wrong")).toBe("BAD_CREDENTIALS");
  await running.prolongPauses();

  expect(await confirm(person.password)).toBe("TOO_MANY_ATTEMPTS");
  expect(await signInWith(person, "username", person.password)).toBe("OK");
});

test("a refused reset lifts nothing", async () => {
  const person = await running.register();
  await lockOut(person, "username");
  const reset = running.anonymous.resetPassword({ token: "x".repeat(43), newPassword: "quite new" });

  expect(errorInfo(await reset.catch((error: unknown) => error)).reason).toBe("BAD_RESET_TOKEN");

  expect(await signInWith(person, "username", person.password)).toBe("TOO_MANY_ATTEMPTS");
});

test("a proof for one account lifts nobody else's pause, and no network's", async () => {
  const [owner, other] = [await running.register(), await running.register()];
  await lockOut(other, "username");
  await running.pool.query("insert into throttles values (sha256('address 192.0.2.1'), 99, 'infinity', now())");

  await resetByMail(owner);

  expect(await signInWith(other, "username", other.password)).toBe("TOO_MANY_ATTEMPTS");
  const { rowCount } = await running.pool.query("select from throttles where key = sha256('address 192.0.2.1')");
  expect(rowCount).toBe(1);
});

test("only operators unlock", async () => {
  const { client, id } = await running.register();
  const unlocked = (call: Promise<unknown>) => call.catch((error: unknown) => errorInfo(error).reason);

  expect(await unlocked(client.unlockUser({ id }))).toBe("ROLE_REQUIRED");
  expect(await unlocked(running.identity.unlockUser({ id: "nobody" }))).toBe("USER_NOT_FOUND");
});
