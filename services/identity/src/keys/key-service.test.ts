import { errorInfo } from "@sagacart/chassis/errors";
import { decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { identityDatabase, startTestIdentity, type TestIdentity, testServiceSecret } from "../testing/identity.ts";

const cleanup = new AsyncDisposableStack();
/** Two processes of identity, on one database. */
let one: TestIdentity;
let other: TestIdentity;

beforeAll(async () => {
  const database = cleanup.use(await identityDatabase());
  one = cleanup.use(await startTestIdentity({ database }));
  other = cleanup.use(await startTestIdentity({ database }));
}, 60_000);
afterAll(() => cleanup.disposeAsync());

const kidOf = (token: string) => decodeProtectedHeader(token).kid;

async function reasonAt(at: TestIdentity, accessToken: string): Promise<string> {
  const call = at.as(accessToken).getUser({ id: "me" });
  return await call.then(
    () => "accepted",
    (error: unknown) => errorInfo(error).reason,
  );
}

async function publishedAt(at: TestIdentity): Promise<string[]> {
  const { keys } = (await (await fetch(`${at.httpUrl}/oidc/jwks`)).json()) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

async function serviceToken(at: TestIdentity): Promise<string> {
  const answer = await fetch(`${at.httpUrl}/oidc/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`order:${testServiceSecret}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

const userinfoStatus = async (at: TestIdentity, token: string) =>
  (await at.fetch(`${at.issuer}/oidc/userinfo`, { headers: { authorization: `Bearer ${token}` } })).status;

test("an operator replaces the keys: former tokens are refused at every process, and sessions go on", async () => {
  const { accessToken, refreshToken } = await one.register();
  const program = await serviceToken(one);
  const former = kidOf(accessToken);

  const { signingKeyId } = await one.identity.replaceSigningKeys({ requestId: "leaked" });

  // At once, and accepted where the key was not known.
  const { session } = await one.anonymous.refreshToken({ refreshToken });
  expect(kidOf(session!.accessToken)).toBe(signingKeyId);
  expect(await reasonAt(other, session!.accessToken)).toBe("accepted");
  expect(kidOf(await serviceToken(one))).toBe(signingKeyId);
  for (const at of [one, other]) {
    await expect.poll(() => reasonAt(at, accessToken), { timeout: 20_000 }).toBe("TOKEN_REVOKED");
    await expect.poll(() => userinfoStatus(at, accessToken), { timeout: 20_000 }).toBe(401);
    expect(await reasonAt(at, session!.accessToken)).toBe("accepted");
    expect(await userinfoStatus(at, session!.accessToken)).toBe(200);
    await expect.poll(() => publishedAt(at), { timeout: 20_000 }).toEqual([signingKeyId]);
    const report = at.as(program).reportErasure({ userId: "nobody", service: "order" });
    await expect(report.catch((error: unknown) => errorInfo(error).reason)).resolves.toBe("TOKEN_REVOKED");
  }
  expect(former).not.toBe(signingKeyId);
  const renewed = await other.anonymous.refreshToken({ refreshToken: session!.refreshToken });
  expect(kidOf(renewed.session!.accessToken)).toBe(signingKeyId);
}, 120_000);

test("a repeat with the same request id replaces nothing more, also at the other process", async () => {
  const username = "root";
  const { session } = await one.anonymous.signIn({ username, password: "the operator's own" });
  const operator = session!.accessToken;

  const first = await one.as(operator).replaceSigningKeys({ requestId: "twice" });
  const [again, elsewhere] = await Promise.all(
    [one, other].map((at) => at.as(operator).replaceSigningKeys({ requestId: "twice" })),
  );

  expect([again!.signingKeyId, elsewhere!.signingKeyId]).toEqual([first.signingKeyId, first.signingKeyId]);
  const { rows } = await one.pool.query("select id from signing_keys where revoke_time is null");
  expect(rows).toEqual([{ id: first.signingKeyId }]);
});

test("a customer cannot replace them", async () => {
  const { client } = await one.register();
  const reason = await client.replaceSigningKeys({}).catch((error: unknown) => errorInfo(error).reason);
  expect(reason).toBe("ROLE_REQUIRED");
});
