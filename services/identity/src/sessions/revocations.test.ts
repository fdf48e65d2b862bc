import { followRevocations, readRevocationsAt } from "@sagacart/chassis/auth/revocations";
import { createVerifier } from "@sagacart/chassis/auth/verify";
import { errorInfo } from "@sagacart/chassis/errors";
import { withTransaction } from "@sagacart/chassis/postgres/pool";
import { silentLog } from "@sagacart/chassis/testing/log";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  startTestIdentity,
  startTestMailServer,
  type TestIdentity,
  type TestMailServer,
  type TestPerson,
} from "../testing/identity.ts";
import { readRevocations, revokeSessions } from "./revocation-store.ts";

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

async function reasonAt(client: TestIdentity["identity"]): Promise<string> {
  return await client.getUser({ id: "me" }).then(
    () => "accepted",
    (error: unknown) => errorInfo(error).reason,
  );
}

async function resetToken(email: string): Promise<string> {
  await running.anonymous.requestPasswordReset({ email });
  return await post.tokenTo(email, "reset");
}

const ends: [string, (person: TestPerson) => Promise<unknown>][] = [
  ["a sign-out", ({ refreshToken }) => running.anonymous.signOut({ refreshToken })],
  [
    "a sign-out of all sessions, by another one",
    async ({ username, password }) => {
      const { session } = await running.anonymous.signIn({ username, password });
      await running.anonymous.signOut({ refreshToken: session!.refreshToken, allSessions: true });
    },
  ],
  [
    "a change of the password in another session",
    async ({ username, password }) => {
      const { session } = await running.anonymous.signIn({ username, password });
      const other = running.as(session!.accessToken);
      await other.changePassword({ userId: "me", currentPassword: password, newPassword: "quite another horse" });
    },
  ],
  [
    "a new password by mail",
    async ({ email }) => {
      const token = await resetToken(email);
      await running.anonymous.resetPassword({ token, newPassword: "quite another horse" });
    },
  ],
  [
    "the reuse of a refresh token",
    async ({ refreshToken }) => {
      const { session } = await running.anonymous.refreshToken({ refreshToken });
      await running.anonymous.refreshToken({ refreshToken: session!.refreshToken });
      await running.anonymous.refreshToken({ refreshToken }).catch(() => {});
    },
  ],
  ["the deletion of the user", ({ client }) => client.deleteUser({ id: "me" })],
  ["a change of the roles", ({ id }) => running.identity.setRoles({ id, roles: ["customer", "support"] })],
];

test.each(ends)("after %s the access token is refused, by other verifiers too", async (_, end) => {
  const person = await running.register();
  expect(await reasonAt(person.client)).toBe("accepted");
  await end(person);

  await expect.poll(() => reasonAt(person.client)).toBe("TOKEN_REVOKED");
  // As another service does that starts now.
  await using revocations = followRevocations({
    read: readRevocationsAt(`${running.httpUrl}/revocations`),
    log: silentLog,
  });
  await revocations.known(10_000);
  const verifier = createVerifier({
    ...{ issuer: running.issuer, audience: "sagacart", revocations },
    jwksUrl: new URL(`${running.httpUrl}/oidc/jwks`),
    claims: { rolesClaim: "roles", roleMap: new Map(), customerIds: "subject" },
  });
  await expect(Promise.resolve(verifier.verify(person.accessToken))).rejects.toMatchObject({ reason: "TOKEN_REVOKED" });
});

test("the session that changes the password keeps its access token", async () => {
  const { client, password, refreshToken } = await running.register();
  await client.changePassword({ userId: "me", currentPassword: password, newPassword: "new horse", refreshToken });
  // What is revoked later is known later.
  const witness = await running.register();
  await running.anonymous.signOut({ refreshToken: witness.refreshToken });
  await expect.poll(() => reasonAt(witness.client)).toBe("TOKEN_REVOKED");

  expect(await reasonAt(client)).toBe("accepted");
});

test("after a change of the roles a refresh gives a token with the new ones, which is accepted", async () => {
  const { id, client, refreshToken } = await running.register();
  await running.identity.setRoles({ id, roles: ["customer", "support"] });
  const { session } = await running.anonymous.refreshToken({ refreshToken });
  await expect.poll(() => reasonAt(client)).toBe("TOKEN_REVOKED");

  expect(decodeJwt(session!.accessToken)).toMatchObject({ roles: ["customer", "support"], token_version: 1 });
  expect(await reasonAt(running.as(session!.accessToken))).toBe("accepted");
});

test("a token tells when its user signed in, and a refresh does not change that", async () => {
  const { accessToken, refreshToken } = await running.register();
  await running.pool.query("update sessions set auth_time = auth_time - interval '1 hour' where id = $1", [
    decodeJwt(accessToken).sid,
  ]);

  const { session } = await running.anonymous.refreshToken({ refreshToken });

  const { auth_time: before, iat } = decodeJwt(accessToken);
  expect(Math.abs(Number(before) - Number(iat))).toBeLessThanOrEqual(1);
  expect(decodeJwt(session!.accessToken).auth_time).toBe(Number(before) - 3600);
});

test("what a transaction revokes that commits late is not skipped by those who read meanwhile", async () => {
  const { promise: go, resolve } = Promise.withResolvers<void>();
  const { promise: written, resolve: wrote } = Promise.withResolvers<void>();
  const late = withTransaction(running.pool, async (tx) => {
    await revokeSessions(tx, ["late"]);
    wrote();
    await go;
  });
  await written;
  await withTransaction(running.pool, (tx) => revokeSessions(tx, ["early"]));
  const before = await readRevocations(running.pool, "");
  resolve();
  await late;

  const after = await readRevocations(running.pool, before.cursor);

  const ids = ({ sessions }: typeof before) => sessions.map(([id]) => id);
  expect(ids(before)).toContain("early");
  expect(ids(before)).not.toContain("late");
  expect(ids(after)).toContain("late");
});

test("a cursor from before the database was restored gets everything", async () => {
  await withTransaction(running.pool, (tx) => revokeSessions(tx, ["restored"]));

  for (const cursor of ["99999999999", "", "'; drop table users", "-1"]) {
    const { sessions } = await readRevocations(running.pool, cursor);
    expect(sessions.map(([id]) => id)).toContain("restored");
  }
});

test("the list is not among the paths that the gateway passes on", async () => {
  expect((await fetch(`${running.httpUrl}/revocations`)).status).toBe(200);
  expect((await fetch(`${running.httpUrl}/oidc/revocations`)).status).toBe(404);
});
