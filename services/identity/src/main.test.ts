import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:https";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { createAuthority, createSecretFolder, secretOf } from "@sagacart/chassis/testing/certificates";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterEach, expect, test } from "vitest";
import { identityDatabase, testIdentityEnv, testIssuer } from "./testing/identity.ts";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
  }
});

function run(env: Record<string, string>) {
  const child = spawn(process.execPath, [new URL("./main.ts", import.meta.url).pathname], {
    env: { PATH: process.env.PATH, PORT: "0", ADMIN_PORT: "0", AUTH: "off", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  return child;
}

/** Starts the process, waits until it is ready, and returns it with a client and its key set. */
async function start(env: Record<string, string>) {
  const child = run(env);
  let httpPort = 0;
  for await (const line of createInterface(child.stdout)) {
    const { msg, port } = JSON.parse(line);
    if (msg === "serves OpenID Connect") {
      httpPort = port;
    }
    if (msg === "ready") {
      child.stdout.resume();
      const channel = openChannel(`127.0.0.1:${port}`);
      const jwks = createRemoteJWKSet(new URL(`http://127.0.0.1:${httpPort}/oidc/jwks`));
      return { child, channel, client: createServiceClient(IdentityService, channel), jwks };
    }
  }
  throw new Error(`identity exited: ${await text(child.stderr)}`);
}

test("sessions and tokens survive a kill -9 and a restart of identity", async () => {
  await using database = await identityDatabase();
  const env = testIdentityEnv(database.url);
  const before = await start(env);
  const account = { username: "ada", email: "ada@shop.test", password: "correct horse" };
  await before.client.register(account);
  const { session } = await before.client.signIn(account);
  before.child.kill("SIGKILL");
  await once(before.child, "exit");
  before.channel.close();

  const after = await start(env);

  const { session: next } = await after.client.refreshToken({ refreshToken: session!.refreshToken });
  for (const { accessToken } of [session!, next!]) {
    const { payload } = await jwtVerify(accessToken, after.jwks, { issuer: testIssuer, audience: "sagacart" });
    expect(payload).toMatchObject({ sub: session!.userId, sid: session!.id });
  }
  after.channel.close();
  after.child.kill("SIGTERM");
  expect(await once(after.child, "exit")).toEqual([0, null]);
});

test("every invalid variable is named, no secret is shown, and the exit code is 1", async () => {
  const child = run({
    DATABASE_URL: "postgres://localhost/none",
    ISSUER_URL: "http://shop.test/with/a/path",
    KEY_ENCRYPTION_SECRET: "too short",
    SERVICE_CLIENT_SECRETS: '{"order":"hunter2"}',
    SEED_USERS: '[{"username":"ada","password":"hunter2"}]',
    OIDC_CLIENTS: "hunter2",
  });

  const [[code], errors] = await Promise.all([once(child, "exit"), text(child.stderr)]);

  expect(code).toBe(1);
  expect(errors.trim().split("\n")).toEqual([
    "ISSUER_URL must be an origin without a path, for example https://shop.example",
    "KEY_ENCRYPTION_SECRET must have at least 32 characters",
    "SMTP_URL is not set; it must be a URL that begins with smtp:// or smtps://",
    'SERVICE_CLIENT_SECRETS has an invalid client "order": it needs a lower-case name and a secret of at least 16 characters, or a list of two while its secret is changed',
    "OIDC_CLIENTS must be JSON",
    "SEED_USERS has an invalid item: number 1",
  ]);
});

test("seeded users are created once: a deleted one is not restored", async () => {
  await using database = await identityDatabase();
  const env = testIdentityEnv(database.url);
  const first = await start(env);
  first.child.kill("SIGTERM");
  await once(first.child, "exit");
  first.channel.close();
  await database.pool.query("delete from users");

  const second = await start(env);

  expect((await second.client.listUsers({})).users).toEqual([]);
  second.channel.close();
});

test("with a certificate the keys are served over TLS only, like the RPCs", async () => {
  await using database = await identityDatabase();
  const authority = await createAuthority();
  await using files = await createSecretFolder(await secretOf(authority, "localhost"));
  const child = run({
    ...testIdentityEnv(database.url),
    HOST: "localhost",
    TLS_CERT_FILE: files.path("tls.crt"),
    TLS_KEY_FILE: files.path("tls.key"),
  });
  let httpPort = 0;
  for await (const line of createInterface(child.stdout)) {
    const { msg, port } = JSON.parse(line);
    if (msg === "serves OpenID Connect") {
      httpPort = port;
      break;
    }
  }

  const [response] = await once(
    request(`https://localhost:${httpPort}/oidc/jwks`, { ca: authority.cert }).end(),
    "response",
  );

  expect(JSON.parse(await text(response))).toMatchObject({ keys: [{ kty: expect.any(String) }] });
  await expect(fetch(`http://localhost:${httpPort}/oidc/jwks`)).rejects.toThrow("fetch failed");
});
