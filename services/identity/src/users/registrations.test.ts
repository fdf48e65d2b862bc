import { errorInfo } from "@sagacart/chassis/errors";
import { expect, test } from "vitest";
import { identityDatabase, startTestIdentity, type TestIdentity, testServiceSecret } from "../testing/identity.ts";

const env = { REGISTRATIONS_FREE_PER_ADDRESS: "4" };

let people = 0;
function account() {
  const username = `new-${++people}`;
  return { username, email: `${username}@shop.test`, password: "correct horse" };
}

async function registerFrom({ anonymous }: TestIdentity, address: string): Promise<string> {
  return await anonymous.register(account(), { headers: { "x-client-address": address } }).then(
    () => "OK",
    (error: unknown) => errorInfo(error).reason,
  );
}

test("registrations of a network are counted for all processes together, whatever becomes of them", async () => {
  await using database = await identityDatabase();
  await using one = await startTestIdentity({ env, database });
  await using other = await startTestIdentity({ env, database });
  const weak = one.anonymous.register(
    { ...account(), password: "password123" },
    { headers: { "x-client-address": "2001:db8:1:2::1" } },
  );
  expect(await weak.catch((error: unknown) => errorInfo(error).reason)).toBe("PASSWORD_TOO_COMMON");
  expect(await registerFrom(one, "2001:db8:1:2::2")).toBe("OK");
  expect(await registerFrom(other, "2001:db8:1:2::3")).toBe("OK");
  expect(await registerFrom(one, "2001:db8:1:2::4")).toBe("OK");
  await one.prolongPauses();

  expect(await registerFrom(other, "2001:db8:1:2::5")).toBe("TOO_MANY_ATTEMPTS");
  expect(await registerFrom(one, "2001:db8:1:2::6")).toBe("TOO_MANY_ATTEMPTS");
  expect(await registerFrom(one, "2001:db8:1:3::1")).toBe("OK");
});

test("registrations by foreign rules are counted, too, and those of no known network are not", async () => {
  await using running = await startTestIdentity({ env });
  const response = await running.fetch(`${running.issuer}/oidc/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`surfaces:${testServiceSecret}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  const { access_token: token } = (await response.json()) as { access_token: string };
  const register = (headers: Record<string, string>) =>
    running
      .as(token)
      .registerByForeignRules(account(), { headers })
      .then(
        () => "OK",
        (error: unknown) => errorInfo(error).reason,
      );
  for (const _ of [1, 2, 3, 4]) {
    expect(await register({ "x-client-address": "192.0.2.1" })).toBe("OK");
  }
  await running.prolongPauses();

  expect(await register({ "x-client-address": "192.0.2.1" })).toBe("TOO_MANY_ATTEMPTS");
  for (const _ of [1, 2, 3, 4, 5]) {
    expect(await register({})).toBe("OK");
  }
});
