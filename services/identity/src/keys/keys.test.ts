import { Code } from "@connectrpc/connect";
import { silentLog } from "@sagacart/chassis/testing/log";
import { createLocalJWKSet, jwtVerify, SignJWT } from "jose";
import { expect, test } from "vitest";
import { identityDatabase, startTestIdentity, testServiceSecret } from "../testing/identity.ts";
import { createKeyCipher } from "./key-cipher.ts";
import { type Keys, startKeys } from "./keys.ts";

const minute = 60_000;
const secret = "a secret for tests, of 32 characters";

async function startReplica(pool: Parameters<typeof startKeys>[0]["pool"], clock: { now(): Date }, secrets = [secret]) {
  return await startKeys({
    ...{ pool, clock, log: silentLog },
    cipher: createKeyCipher(secrets as [string]),
    signMs: 24 * 60 * minute,
    leadMs: 60 * minute,
    longestTokenMs: 60 * minute,
  });
}

async function sign(keys: Keys, now: Date) {
  const { id: kid, privateKey } = keys.signing();
  const iat = Math.floor(now.getTime() / 1000);
  const jwt = new SignJWT({ iat, exp: iat + 3600 }).setProtectedHeader({ alg: "ES256", kid });
  return { kid, token: await jwt.sign(privateKey), expireMs: now.getTime() + 60 * minute };
}

const jwksOf = (keys: Keys) => createLocalJWKSet({ keys: keys.published().map(({ publicJwk }) => ({ ...publicJwk })) });

test("tokens verify across key changes, with two replicas and verifiers that cache keys", async () => {
  await using database = await identityDatabase();
  const clock = { ms: Date.parse("2030-01-01"), now: () => new Date(clock.ms) };
  const start = () => startReplica(database.pool, clock);
  const replicas = await Promise.all([start(), start()]);
  const kids = new Set<string>();
  let alive: Awaited<ReturnType<typeof sign>>[] = [];
  let jwks = jwksOf(replicas[0]!);

  // Four days in steps of 15 minutes; a replica and a verifier read the keys at every second step.
  for (let step = 0; step < 4 * 24 * 4; step++) {
    clock.ms += 15 * minute;
    await replicas[step % 2]!.refresh();
    const signed = await Promise.all(replicas.map((keys) => sign(keys, clock.now())));
    alive = [...alive.filter(({ expireMs }) => expireMs > clock.ms), ...signed];
    for (const { kid, token } of alive) {
      kids.add(kid);
      await jwtVerify(token, jwks, { currentDate: clock.now() });
    }
    jwks = step % 2 === 0 ? jwksOf(replicas[step % 4 === 0 ? 0 : 1]!) : jwks;
  }

  expect(kids.size).toBe(5);
  expect(replicas[0]!.published().length).toBeLessThanOrEqual(3);
  await Promise.all(replicas.map((keys) => keys[Symbol.asyncDispose]()));
});

test("twenty replicas that start at once make one key", async () => {
  await using database = await identityDatabase();
  const clock = { now: () => new Date() };

  const replicas = await Promise.all(Array.from({ length: 20 }, () => startReplica(database.pool, clock)));

  expect(new Set(replicas.map((keys) => keys.signing().id)).size).toBe(1);
  await Promise.all(replicas.map((keys) => keys[Symbol.asyncDispose]()));
});

test("private keys are stored encrypted, and a former secret decrypts them", async () => {
  await using database = await identityDatabase();
  const clock = { now: () => new Date() };
  const before = await startReplica(database.pool, clock);
  const kid = before.signing().id;
  await before[Symbol.asyncDispose]();
  const other = "another secret for tests, 32 characters";

  const rotated = await startReplica(database.pool, clock, [other, secret]);
  expect(rotated.signing().id).toBe(kid);
  await rotated[Symbol.asyncDispose]();
  await expect(startReplica(database.pool, clock, [other])).rejects.toThrow(
    `signing key ${kid} cannot be decrypted: it was encrypted with another KEY_ENCRYPTION_SECRET.`,
  );
  const { rows } = await database.pool.query("select public_jwk->>'d' as d from signing_keys");
  expect(rows).toEqual([{ d: null }]);
});

test("a running identity accepts its tokens while its keys change every second", async () => {
  const short = {
    SIGNING_KEY_MS: "1000",
    SIGNING_KEY_LEAD_MS: "400",
    ACCESS_TOKEN_MS: "30000",
    SERVICE_TOKEN_MS: "30000",
  };
  await using running = await startTestIdentity({ env: short });
  const { client, refreshToken } = await running.register();
  const kids = new Set<string>();
  const serviceToken = async () => {
    const answer = await fetch(`${running.httpUrl}/oidc/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`order:${testServiceSecret}`)}` },
      body: new URLSearchParams({ grant_type: "client_credentials" }),
    });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    return token;
  };

  // Each refresh uses the token of the one before: reusing the first would count as a theft.
  for (let token = refreshToken; kids.size < 4; ) {
    const { session } = await client.refreshToken({ refreshToken: token });
    token = session!.refreshToken;
    const [header = ""] = session!.accessToken.split(".");
    kids.add(JSON.parse(Buffer.from(header, "base64url").toString()).kid);
    await running.as(session!.accessToken).getUser({ id: "me" });
    const report = running.as(await serviceToken()).reportErasure({ userId: "nobody", service: "order" });
    await expect(report).rejects.toMatchObject({ code: Code.NotFound });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
