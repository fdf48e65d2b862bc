import { expect, test } from "vitest";
import { startTestIdentity } from "../testing/identity.ts";

/** Made by the reference implementation, with other costs: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 32 */
const outdated = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

test("a hash with other costs is made anew when its user signs in, and only with the right password", async () => {
  await using running = await startTestIdentity();
  const { id, username } = await running.register();
  await running.pool.query("update users set password_hash = $2 where id = $1", [id, outdated]);
  const stored = async () => {
    const { rows } = await running.pool.query<{ password_hash: string }>(
      "select password_hash from users where id = $1",
      [id],
    );
    return rows[0]?.password_hash ?? "";
  };

  await running.anonymous.signIn({ username, password: "another" }).catch(() => {});
  expect(await stored()).toBe(outdated);

  await running.anonymous.signIn({ username, password: "password" });
  await expect.poll(stored).toMatch(/^\$argon2id\$v=19\$m=(?!65536,)\d+,t=2,p=1\$/);
  await running.anonymous.signIn({ username, password: "password" });
});
