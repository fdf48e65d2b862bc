import { expect, test } from "vitest";
import { createPasswords } from "./passwords.ts";

const hooks = { before: async () => {}, afterWrong: async () => {} };

test("a hash holds its parameters and matches one password", async () => {
  const passwords = createPasswords({ atOnce: 2 });
  const [hash, other] = await Promise.all([passwords.hash("correct horse"), passwords.hash("correct horse")]);

  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(hash).not.toBe(other);
  expect(await passwords.verify("correct horse", hash, hooks)).toBe(true);
  expect(await passwords.verify("correct hors", hash, hooks)).toBe(false);
  expect(await passwords.verify("correct horse", undefined, hooks)).toBe(false);
});

test("a hash made by another program is verified", async () => {
  // Made by the reference implementation: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 32
  const hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  const passwords = createPasswords({ atOnce: 1 });

  expect(await passwords.verify("password", hash, hooks)).toBe(true);
  expect(passwords.isOutdated(hash)).toBe(true);
});

test("both Unicode forms of a letter match", async () => {
  const passwords = createPasswords({ atOnce: 1, memoryKib: 64 });

  expect(await passwords.verify("cafe\u0301", await passwords.hash("caf\u00e9"), hooks)).toBe(true);
});

test("more than a hundred waiting are refused", async () => {
  const passwords = createPasswords({ atOnce: 1, memoryKib: 64 });

  const answers = await Promise.allSettled(Array.from({ length: 110 }, () => passwords.hash("x")));

  const refused = answers.filter((answer) => answer.status === "rejected");
  expect(refused.map(({ reason }) => reason.reason)).toEqual(Array.from({ length: 9 }, () => "TOO_BUSY"));
});
