import { Code } from "@connectrpc/connect";
import { withTransaction } from "@sagacart/chassis/postgres/pool";
import { silentLog } from "@sagacart/chassis/testing/log";
import { createLocalJWKSet, jwtVerify, SignJWT } from "jose";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { readRevocations } from "../sessions/revocation-store.ts";
import { identityDatabase, startTestIdentity, testServiceSecret } from "../testing/identity.ts";
import { createKeyCipher } from "./key-cipher.ts";
import { type Keys, replacedGraceMs, startKeys } from "./keys.ts";

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

describe("a replacement of all keys", () => {
  const nowMs = Date.parse("2030-01-01");
  let database: Awaited<ReturnType<typeof identityDatabase>>;
  /** Clocks of two replicas. */
  let clocks: { ms: number; now(): Date }[];
  let replicas: [Keys, Keys];
  const started = new AsyncDisposableStack();

  beforeEach(async () => {
    database = started.use(await identityDatabase());
    clocks = [nowMs, nowMs].map((ms) => {
      const clock = { ms, now: () => new Date(clock.ms) };
      return clock;
    });
    const [first, second] = await Promise.all(clocks.map((clock) => startReplica(database.pool, clock)));
    replicas = [started.use(first!), started.use(second!)];
  });
  afterAll(() => started.disposeAsync());

  const replace = (keys: Keys) => withTransaction(database.pool, (tx) => keys.replace(tx));
  const refresh = () => Promise.all(replicas.map((keys) => keys.refresh()));
  const signing = () => replicas.map((keys) => keys.signing().id);
  const advance = (ms: number) => {
    for (const clock of clocks) {
      clock.ms += ms;
    }
  };
  /** Ends the time in which the tokens of replaced keys are accepted; the database has a clock of its own. */
  const endGrace = () => database.pool.query("update signing_keys set revoke_time = now() where revoke_time > now()");

  test("each replica signs with the new key, and publishes the former one until its tokens are refused", async () => {
    const former = replicas[0].signing().id;

    const id = await replace(replicas[1]);
    await refresh();

    expect(id).not.toBe(former);
    expect(signing()).toEqual([id, id]);
    for (const keys of replicas) {
      expect(keys.regular().map((key) => key.id)).toEqual([id]);
      expect(keys.published().map((key) => key.id)).toEqual([id, former]);
    }
    const { keys: told } = await readRevocations(database.pool, "");
    expect(told).toEqual([[former, expect.any(Number)]]);
    expect(told![0]![1]).toBeLessThanOrEqual(replacedGraceMs);

    await endGrace();
    await refresh();

    expect(replicas.map((keys) => keys.published().map((key) => key.id))).toEqual([[id], [id]]);
    // Whatever the reader has read before: a key is refused later than it was written.
    const { cursor } = await readRevocations(database.pool, "");
    expect((await readRevocations(database.pool, cursor)).keys).toEqual([[former, 0]]);
  });

  test("another replica learns of it by itself", async () => {
    const id = await replace(replicas[0]);

    await expect.poll(signing, { timeout: 10_000 }).toEqual([id, id]);
  });

  test("several at once and one after the other end with one key that signs", async () => {
    const former = replicas[0].signing().id;

    const ids = await Promise.all([0, 1, 0, 1].map((index) => replace(replicas[index]!)));
    ids.push(await replace(replicas[0]));
    await refresh();

    const [first, second] = signing();
    expect(first).toBe(second);
    expect(first).toBe(ids.at(-1));
    const { keys: told = [] } = await readRevocations(database.pool, "");
    expect(told.map(([id]) => id).sort()).toEqual([former, ...ids.slice(0, -1)].sort());
  });

  test("the next key of a regular rotation that is under way is replaced, too, and never signs", async () => {
    advance(23.5 * 60 * minute);
    await refresh();
    const before = replicas[0].regular().map((key) => key.id);
    expect(before).toHaveLength(2);

    const id = await replace(replicas[0]);
    await refresh();
    advance(60 * minute);
    await refresh();

    expect(signing()).toEqual([id, id]);
    const { keys: told = [] } = await readRevocations(database.pool, "");
    expect(told.map(([kid]) => kid).sort()).toEqual(before.toSorted());
  });

  test("at the moment when the next key is due, both happen, and the replicas agree", async () => {
    const former = replicas[0].signing().id;
    advance(23.5 * 60 * minute);

    const [id] = await Promise.all([replace(replicas[0]), replicas[1].refresh(), replicas[0].refresh()]);
    await refresh();

    expect(signing()).toEqual([id, id]);
    const { keys: told = [] } = await readRevocations(database.pool, "");
    expect(told.map(([kid]) => kid)).toContain(former);
  });

  test.each([
    ["ahead", 10 * minute],
    ["behind", -10 * minute],
  ])("by a replica whose clock is %s, the other one does not sign with the former key", async (_, ms) => {
    clocks[0]!.ms += ms;

    const id = await replace(replicas[0]);
    await refresh();

    expect(signing()).toEqual([id, id]);
    const { keys: told } = await readRevocations(database.pool, "");
    expect(told![0]![1]).toBeLessThanOrEqual(replacedGraceMs);
  });

  test("one whose process dies before its commit has changed nothing", async () => {
    const former = replicas[0].signing().id;

    const interrupted = withTransaction(database.pool, async (tx) => {
      await replicas[0].replace(tx);
      const { rows } = await tx.query("select pg_backend_pid() as pid");
      await database.owner.query("select pg_terminate_backend($1)", [rows[0].pid]);
      await tx.query("select 1");
    });
    await expect(interrupted).rejects.toThrow();
    await refresh();

    expect(signing()).toEqual([former, former]);
    expect((await readRevocations(database.pool, "")).keys).toEqual([]);
  });

  test("regular rotations go on after it, and the replaced key is deleted once no token of it can live", async () => {
    const id = await replace(replicas[0]);
    await refresh();
    advance(23.5 * 60 * minute);
    await refresh();
    expect(replicas[1].regular()).toHaveLength(2);
    advance(60 * minute);
    await refresh();

    expect(signing()).not.toContain(id);
    const past = "update signing_keys set revoke_time = now() - interval '121 minutes' where revoke_time is not null";
    await database.pool.query(past);
    await refresh();
    expect((await readRevocations(database.pool, "")).keys).toEqual([]);
    const { rows } = await database.pool.query("select id from signing_keys where revoke_time is not null");
    expect(rows).toEqual([]);
  });
});
