import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serviceClients } from "./config-json.ts";
import { identityDatabase, startTestIdentity, type TestIdentity } from "./testing/identity.ts";
import { totpCode } from "./testing/totp.ts";

const before = "the-secret-before-of-32-characters";
const after = "the-secret-after-it-of-32-characters";
const web = { client_id: "web", redirect_uris: ["http://app.test/callback"] };

let people = 0;

/** Registers a person whose name is new at every pod, and signs in. */
async function register(running: TestIdentity) {
  const username = `somebody-${++people}`;
  const password = "correct horse battery";
  const { user } = await running.anonymous.register({ username, email: `${username}@shop.test`, password });
  const { session } = await running.anonymous.signIn({ username, password });
  return { id: user?.id ?? "", username, password, accessToken: session?.accessToken ?? "" };
}

/** Asks for a token of a client with a secret. Returns the status and the error. */
async function askToken(running: TestIdentity, clientId: string, secret: string, grant: Record<string, string>) {
  const answer = await running.fetch(`${running.issuer}/oidc/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${clientId}:${encodeURIComponent(secret)}`)}` },
    body: new URLSearchParams(grant),
  });
  const { error } = (await answer.json()) as { error?: string };
  return error ?? answer.status;
}

describe("two secrets of a client", () => {
  let running: TestIdentity;
  beforeAll(async () => {
    running = await startTestIdentity({
      env: {
        SERVICE_CLIENT_SECRETS: JSON.stringify({ order: [after, before], gateway: before }),
        OIDC_CLIENTS: JSON.stringify([{ ...web, client_secret: [after, before] }]),
      },
    });
  }, 60_000);
  afterAll(() => running[Symbol.asyncDispose]());

  test.each([
    ["order", after, 200],
    ["order", before, 200],
    ["order", "a former secret of that client", "invalid_client"],
    ["order", `${after}${before}`, "invalid_client"],
    ["gateway", before, 200],
    ["gateway", after, "invalid_client"],
  ])("%s with %j: %s", async (client, secret, outcome) => {
    expect(await askToken(running, client, secret, { grant_type: "client_credentials" })).toBe(outcome);
  });

  // A code that does not exist is refused only after the application has proved who it is.
  test.each([
    [after, "invalid_grant"],
    [before, "invalid_grant"],
    ["a former secret", "invalid_client"],
  ])("an application with %j: %s", async (secret, outcome) => {
    const grant = { grant_type: "authorization_code", code: "none", redirect_uri: web.redirect_uris[0] ?? "" };
    expect(await askToken(running, "web", secret, grant)).toBe(outcome);
  });
});

test.each([
  [[]],
  [["only-one-of-them-is-long-enough", "short"]],
  [["secret-number-one", "secret-number-two", "secret-number-three"]],
  [["secret-number-one", 2]],
  [{ secret: "secret-number-one" }],
])("%j are no secrets of a client", (secrets) => {
  expect(() => serviceClients(JSON.stringify({ order: secrets }))).toThrow('has an invalid client "order"');
});

test("an authenticator app that was enrolled with the secret before works once that is given up", async () => {
  await using database = await identityDatabase();
  const start = (own: string, others: string) =>
    startTestIdentity({ database, env: { KEY_ENCRYPTION_SECRET: own, KEY_ENCRYPTION_SECRETS_BEFORE: others } });
  let secret = "";
  let person: Awaited<ReturnType<typeof register>>;
  {
    await using old = await start(before, after);
    person = await register(old);
    const client = old.as(person.accessToken);
    const enrolled = await client.enrollTotp({ userId: "me" });
    secret = enrolled.secret;
    await client.confirmTotp({ userId: "me", id: enrolled.id, code: totpCode(secret, { period: -1 }) });
    // One of a secret that is lost stays as it is.
    await database.pool.query(
      `insert into factors (id, user_id, kind, secret, secret_key_id) values ('lost', $1, 'TOTP', 'unreadable here', 'x')`,
      [person.id],
    );
  }
  const keys = async () => {
    const { rows } = await database.pool.query("select distinct secret_key_id as id from factors where id <> 'lost'");
    return rows.map(({ id }) => id);
  };
  const former = await keys();
  {
    await using changed = await start(after, before);
    await expect.poll(keys, { timeout: 20_000 }).not.toEqual(former);
    expect(changed.issuer).not.toBe("");
  }
  // Those of two rotations of the signing key, as it would be after them.
  await database.pool.query("delete from signing_keys");
  await using last = await start(after, "");

  const { username, password } = person;
  const { secondFactor } = await last.anonymous.signIn({ username, password });
  const signInToken = secondFactor?.signInToken ?? "";
  const { session } = await last.anonymous.verifySecondFactor({ signInToken, code: totpCode(secret) });

  expect(session?.userId).toBe(person.id);
  const { rows } = await database.pool.query("select secret from factors where id = 'lost'");
  expect(rows).toEqual([{ secret: Buffer.from("unreadable here") }]);
}, 120_000);

describe("what was made with the encryption secret before is valid after it was changed", () => {
  // As pods of both kinds run during a rolling update, on one database.
  let database: Awaited<ReturnType<typeof identityDatabase>>;
  const pods = new AsyncDisposableStack();
  let old: TestIdentity;
  let changed: TestIdentity;
  beforeAll(async () => {
    database = await identityDatabase();
    const start = async (own: string, others: string) =>
      pods.use(
        await startTestIdentity({
          database,
          env: {
            KEY_ENCRYPTION_SECRET: own,
            KEY_ENCRYPTION_SECRETS_BEFORE: others,
            OIDC_CLIENTS: JSON.stringify([web]),
          },
        }),
      );
    old = await start(before, after);
    changed = await start(after, before);
  }, 60_000);
  afterAll(async () => {
    await pods.disposeAsync();
    await database[Symbol.asyncDispose]();
  });

  test.each([
    ["a pod with the secret before", () => [old, changed] as const],
    ["a pod with the new secret", () => [changed, old] as const],
  ])("a sign-in by a form of %s goes on at another pod: its cookies and its form are valid", async (_, both) => {
    const [one, other] = both();
    const { username, password } = await register(one);
    const cookies = new Map<string, string>();
    const open = async (at: TestIdentity, path: string, form?: Record<string, string>) => {
      const answer = await at.fetch(new URL(path, at.issuer), {
        redirect: "manual",
        headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
        ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
      });
      for (const cookie of answer.headers.getSetCookie()) {
        const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        cookies.set(name, value);
      }
      return { status: answer.status, html: await answer.text(), location: answer.headers.get("location") ?? "" };
    };
    const asked = new URLSearchParams({
      client_id: web.client_id,
      redirect_uri: web.redirect_uris[0] ?? "",
      response_type: "code",
      scope: "openid",
      code_challenge: "a".repeat(43),
      code_challenge_method: "S256",
    });

    const { location } = await open(one, `/oidc/auth?${asked}`);
    const page = await open(one, location);
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.html)?.[1] ?? "";
    const submitted = await open(other, location, { csrf, username, password });
    const { location: callback } = await open(one, submitted.location);

    expect(submitted.status).toBe(303);
    expect(callback).toMatch(/^http:\/\/app\.test\/callback\?code=/);
  });

  test.each([
    ["with the secret before", "of-old", () => [old, changed] as const],
    ["with the new secret", "of-new", () => [changed, old] as const],
  ])("a registration %s that is repeated at another pod is the same", async (_, username, both) => {
    const [one, other] = both();
    const request = {
      username,
      email: `${username}@shop.test`,
      password: "correct horse battery",
      requestId: username,
    };

    const { user } = await one.anonymous.register(request);

    expect((await other.anonymous.register(request)).user?.id).toBe(user?.id);
    await expect(other.anonymous.register({ ...request, password: "another horse" })).rejects.toThrow(
      "was used before, for something else",
    );
  });

  test("tokens of a pod with either secret are good at the other", async () => {
    for (const [one, other] of [
      [old, changed],
      [changed, old],
    ] as const) {
      const { id, accessToken } = await register(one);
      expect((await other.as(accessToken).getUser({ id: "me" })).user?.id).toBe(id);
    }
  });
});
