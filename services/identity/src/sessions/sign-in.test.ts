import { Code, ConnectError } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { RetryInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity } from "../testing/identity.ts";

let running: TestIdentity;
let identity: TestIdentity["identity"];

beforeAll(async () => {
  running = await startTestIdentity({ env: { SIGN_IN_FREE_ATTEMPTS: "3", SIGN_IN_FREE_ATTEMPTS_PER_ADDRESS: "4" } });
  identity = running.identity;
});

afterAll(() => running[Symbol.asyncDispose]());

const register = () => running.register();

async function reasonOf(call: Promise<unknown>) {
  const error = await call.then(
    () => new Error("it did not fail"),
    (error: unknown) => error,
  );
  const { code, reason, message } = errorInfo(error);
  return { code, reason, message };
}

const badCredentials = {
  code: Code.Unauthenticated,
  reason: "BAD_CREDENTIALS",
  message: "the user name or the password is wrong",
};
const badRefreshToken = {
  code: Code.Unauthenticated,
  reason: "BAD_REFRESH_TOKEN",
  message: "the refresh token is unknown, has expired or was used before; sign in again",
};

describe("sign-in", () => {
  test("issues a token that the JWKS verifies", async () => {
    const { id, username, email, password } = await register();

    const { session, user } = await identity.signIn({ username, password });

    const jwks = createRemoteJWKSet(new URL(`${running.httpUrl}/oidc/jwks`));
    const { payload, protectedHeader } = await jwtVerify(session!.accessToken, jwks, {
      issuer: running.issuer,
      audience: "sagacart",
    });
    expect(protectedHeader).toMatchObject({ alg: "ES256", typ: "at+jwt" });
    expect(payload).toMatchObject({ sub: id, roles: ["customer"], username, email, sid: session!.id });
    expect(payload.exp! - payload.iat!).toBe(900);
    expect(user).toMatchObject({ id, username, email, roles: ["customer"] });
  });

  test("accepts the e-mail address, too, and any case", async () => {
    const { id, username, email, password } = await register();

    const answers = await Promise.all([
      identity.signIn({ username: email.toUpperCase(), password }),
      identity.signIn({ username: username.toUpperCase(), password }),
    ]);

    expect(answers.map(({ user }) => user?.id)).toEqual([id, id]);
  });

  test("answers the same for a wrong password and an unknown name", async () => {
    const { username } = await register();

    expect(await reasonOf(identity.signIn({ username, password: "wrong" }))).toEqual(badCredentials);
    expect(await reasonOf(identity.signIn({ username: "nobody", password: "wrong" }))).toEqual(badCredentials);
  });

  test("stores no password or token in plain text", async () => {
    const { username, password } = await register();
    const { session } = await identity.signIn({ username, password });

    const { rows } = await running.pool.query(
      `select (select password_hash from users where username = $1) as hash,
         (select count(*)::int from refresh_tokens where encode(hash, 'escape') = $2) as plain`,
      [username, session!.refreshToken],
    );

    expect(rows).toEqual([{ hash: expect.stringMatching(/^\$argon2id\$v=19\$m=64,t=2,p=1\$/), plain: 0 }]);
  });
});

describe("after some wrong passwords", () => {
  test("a name is paused, also for the right password, whether it exists or not", async () => {
    const { username, password } = await register();
    for (const name of [username, "nobody-else"]) {
      for (let attempt = 0; attempt < 3; attempt++) {
        expect(await reasonOf(identity.signIn({ username: name, password: "wrong" }))).toEqual(badCredentials);
      }
      await running.prolongPauses();
      const error = await identity.signIn({ username: name, password }).catch((error: unknown) => error);

      expect(errorInfo(error)).toMatchObject({ code: Code.ResourceExhausted, reason: "TOO_MANY_ATTEMPTS" });
      const [retry] = ConnectError.from(error).findDetails(RetryInfoSchema);
      expect(Number(retry?.retryDelay?.seconds) * 1e9 + Number(retry?.retryDelay?.nanos)).toBeGreaterThan(0);
    }
  });

  test("a network is paused whatever the names; others are not", async () => {
    const { username, password } = await register();
    const from = (address: string) => ({ headers: { "x-client-address": address } });
    for (let attempt = 0; attempt < 4; attempt++) {
      await reasonOf(identity.signIn({ username: `x-${attempt}`, password: "wrong" }, from("2001:db8::1")));
    }
    await running.prolongPauses();

    const neighbour = reasonOf(identity.signIn({ username, password }, from("2001:db8:0:0:5::9")));
    expect(await neighbour).toMatchObject({ reason: "TOO_MANY_ATTEMPTS" });
    const { user } = await identity.signIn({ username, password }, from("2001:db8:0:1::1"));
    expect(user?.username).toBe(username);
  });

  test("a hundred concurrent attempts get no more guesses than are hashed at once", async () => {
    const { id, username } = await register();
    // Enough attempts that the next pause is the longest.
    await running.pool.query(
      `insert into throttles (key, attempts, blocked_until, update_time)
       values (sha256(convert_to('user ' || $1, 'utf8')), 20, '-infinity', now())`,
      [id],
    );

    const answers = await Promise.all(
      Array.from({ length: 100 }, () => reasonOf(identity.signIn({ username, password: "wrong" }))),
    );

    const guesses = answers.filter(({ reason }) => reason === "BAD_CREDENTIALS").length;
    expect(guesses).toBeGreaterThan(0);
    expect(guesses).toBeLessThanOrEqual(2);
    expect(new Set(answers.map(({ reason }) => reason))).toEqual(new Set(["BAD_CREDENTIALS", "TOO_MANY_ATTEMPTS"]));
  });

  test("the right one resets the count", async () => {
    const { username, password } = await register();
    for (let round = 0; round < 3; round++) {
      await reasonOf(identity.signIn({ username, password: "wrong" }));
      await reasonOf(identity.signIn({ username, password: "wrong" }));
      await identity.signIn({ username, password });
    }
    expect(await reasonOf(identity.signIn({ username, password: "wrong" }))).toEqual(badCredentials);
  });
});

describe("a refresh token", () => {
  async function signIn() {
    return (await register()).refreshToken;
  }
  const refresh = async (refreshToken: string) => {
    const { session } = await identity.refreshToken({ refreshToken });
    return session!.refreshToken;
  };

  test("is exchanged for the next one, in the same session", async () => {
    const first = await signIn();
    const second = await refresh(first);
    const third = await refresh(second);

    expect(new Set([first, second, third]).size).toBe(3);
  });

  test("reused after the next one was used ends the session", async () => {
    const first = await signIn();
    const second = await refresh(first);
    const third = await refresh(second);

    expect(await reasonOf(refresh(first))).toEqual(badRefreshToken);
    expect(await reasonOf(refresh(third))).toEqual(badRefreshToken);
  });

  test("can be used again if the response was lost, and the lost token is revoked", async () => {
    const first = await signIn();
    const lost = await refresh(first);
    const second = await refresh(first);

    expect(await reasonOf(refresh(lost))).toEqual(badRefreshToken);
    expect(await reasonOf(refresh(second))).toEqual(badRefreshToken);
  });

  test("used fifty times at once leaves one unused token", async () => {
    const first = await signIn();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => refresh(first).catch(() => "refused")));

    const { rows } = await running.pool.query(
      `select count(*)::int as unused from refresh_tokens t where use_time is null
         and session_id = (select session_id from refresh_tokens where hash = sha256(convert_to($1, 'utf8')))`,
      [first],
    );
    expect(rows).toEqual([{ unused: 1 }]);
    expect(tokens.filter((token) => token !== "refused").length).toBeGreaterThan(0);
  });

  test("is refused after the sign-out", async () => {
    const first = await signIn();
    const second = await refresh(first);
    await identity.signOut({ refreshToken: second });
    await identity.signOut({ refreshToken: second });

    expect(await reasonOf(refresh(second))).toEqual(badRefreshToken);
  });

  test("of another session is refused after a sign-out of all", async () => {
    const account = await register();
    const { session: one } = await identity.signIn(account);
    const { session: other } = await identity.signIn(account);
    await identity.signOut({ refreshToken: one!.refreshToken, allSessions: true });

    expect(await reasonOf(refresh(other!.refreshToken))).toEqual(badRefreshToken);
  });

  test("puts the user's current roles into the access token", async () => {
    const account = await register();
    const { session } = await identity.signIn(account);
    await identity.setRoles({ id: account.id, roles: ["customer", "support"] });

    const { session: next } = await identity.refreshToken({ refreshToken: session!.refreshToken });

    const claims = JSON.parse(Buffer.from(next!.accessToken.split(".")[1]!, "base64url").toString());
    expect(claims.roles).toEqual(["customer", "support"]);
  });
});

test("a deleted user's sessions are gone, too", async () => {
  const account = await register();
  const { session } = await identity.signIn(account);
  await identity.deleteUser({ id: account.id });

  expect(await reasonOf(identity.refreshToken({ refreshToken: session!.refreshToken }))).toEqual(badRefreshToken);
  expect(await reasonOf(identity.signIn(account))).toEqual(badCredentials);
});
