import { errorInfo } from "@sagacart/chassis/errors";
import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { readConfig } from "../config.ts";
import { type Behaviour, createAuthenticator } from "../testing/authenticator.ts";
import {
  startTestIdentity,
  type TestIdentity,
  type TestPerson,
  testIdentityEnv,
  testIssuer,
} from "../testing/identity.ts";

let running: TestIdentity;
let nowMs = Date.now();

beforeAll(async () => {
  running = await startTestIdentity({ clock: { now: () => new Date(nowMs) } });
});
afterAll(() => running[Symbol.asyncDispose]());
afterEach(() => vi.restoreAllMocks());

const shopPage = { origin: testIssuer };

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "OK",
    (error: unknown) => errorInfo(error).reason,
  );
}

/** Registers a person with a passkey on a device. */
async function enroll(behaviour: Partial<Behaviour> = {}) {
  const person = await running.register();
  const device = createAuthenticator({ ...shopPage, ...behaviour });
  const { id: factorId, optionsJson } = await person.client.enrollPasskey({ userId: "me", name: "laptop" });
  const credentialJson = device.create(optionsJson);
  const answer = await person.client.confirmPasskey({ userId: "me", id: factorId, credentialJson });
  const token = answer.session?.accessToken ?? "";
  return {
    ...person,
    device,
    factorId,
    answer,
    token,
    client: running.as(token),
    enrolled: { optionsJson, credentialJson },
  };
}

async function begin({ username, password }: TestPerson) {
  const { session, secondFactor } = await running.anonymous.signIn({ username, password });
  expect(session).toBeUndefined();
  return { signInToken: secondFactor?.signInToken ?? "", options: secondFactor?.passkeyOptionsJson ?? "" };
}

const verify = (signInToken: string, passkeyJson: string) =>
  running.anonymous.verifySecondFactor({ signInToken, passkeyJson });

test("the first passkey brings recovery codes, and signs in after the password", async () => {
  const person = await enroll();
  expect(person.answer.recoveryCodes).toHaveLength(10);
  expect(person.answer.factor).toMatchObject({ id: person.factorId, name: "laptop", kind: 2 });
  expect(JSON.parse(person.enrolled.optionsJson)).toMatchObject({
    rp: { id: "shop.test", name: "shop.test" },
    user: { name: person.username },
    attestation: "none",
  });
  expect(decodeJwt(person.token).amr).toEqual(["pwd", "pop", "mfa"]);

  const { signInToken, options } = await begin(person);
  const { session, user } = await verify(signInToken, person.device.get(options));

  expect(user?.id).toBe(person.id);
  expect(decodeJwt(session?.accessToken ?? "").amr).toEqual(["pwd", "pop", "mfa"]);
});

// What another page, a thief or a broken browser could send. None of it signs in, and the user's own proof does afterwards.
test.each<[string, Partial<Behaviour>]>([
  ["of another page", { origin: "https://evil.test" }],
  ["of another port", { origin: `${testIssuer}:8443` }],
  ["of another domain", { rpId: "evil.test" }],
  ["that answers another challenge", { challenge: "A".repeat(43) }],
  ["made for an enrollment", { type: "webauthn.create" }],
  ["signed with another key", { forges: true }],
  ["without a touch", { isTouched: false }],
])("a proof %s is refused", async (_what, deviation) => {
  const person = await enroll();
  const { signInToken, options } = await begin(person);

  expect(await reasonOf(verify(signInToken, person.device.get(options, deviation)))).toBe("BAD_PASSKEY");

  expect(await reasonOf(verify(signInToken, person.device.get(options)))).toBe("OK");
});

test.each([
  ["no JSON", "{"],
  ["null", "null"],
  ["another type", "[1]"],
  ["no response", '{"id":"AAAA"}'],
  ["a response of numbers", '{"id":1,"rawId":1,"response":{"clientDataJSON":7}}'],
  ["an unknown credential", ""],
])("what is no proof is refused: %s", async (what, text) => {
  const person = await enroll();
  const { signInToken, options } = await begin(person);
  const unknown = JSON.stringify({ ...JSON.parse(person.device.get(options)), id: "AAAA", rawId: "AAAA" });

  expect(await reasonOf(verify(signInToken, what === "an unknown credential" ? unknown : text))).toBe("BAD_PASSKEY");
});

test("a proof signs in once, also concurrently, and not for another sign-in", async () => {
  const person = await enroll();
  const [one, other] = [await begin(person), await begin(person)];
  const proof = person.device.get(one.options);

  expect(await reasonOf(verify(other.signInToken, proof))).toBe("BAD_PASSKEY");
  const answers = await Promise.all([1, 2, 3].map(() => reasonOf(verify(one.signInToken, proof))));

  expect(answers.sort()).toEqual(["BAD_SIGN_IN_TOKEN", "BAD_SIGN_IN_TOKEN", "OK"]);
});

test("a counter that does not grow is refused: the authenticator may have been copied", async () => {
  const person = await enroll();
  const signIn = async (counter: number) => {
    const { signInToken, options } = await begin(person);
    return await reasonOf(verify(signInToken, person.device.get(options, { counter })));
  };

  expect(await signIn(7)).toBe("OK");
  expect(await signIn(7)).toBe("BAD_PASSKEY");
  expect(await signIn(6)).toBe("BAD_PASSKEY");
  expect(await signIn(0)).toBe("BAD_PASSKEY");
  expect(await signIn(8)).toBe("OK");
});

test("an authenticator that does not count always says 0", async () => {
  const person = await enroll({ counter: 0 });
  for (let times = 0; times < 2; times++) {
    const { signInToken, options } = await begin(person);
    expect(await reasonOf(verify(signInToken, person.device.get(options)))).toBe("OK");
  }
});

test("another user's passkey does not sign in", async () => {
  const [person, thief] = [await enroll(), await enroll()];
  const { signInToken, options } = await begin(person);
  const open = JSON.stringify({ ...JSON.parse(options), allowCredentials: undefined });

  expect(await reasonOf(verify(signInToken, thief.device.get(open)))).toBe("BAD_PASSKEY");
});

test("either a code or a passkey is given, not both and not none", async () => {
  const signInToken = "x".repeat(43);
  const reason = (given: object) => reasonOf(running.anonymous.verifySecondFactor({ signInToken, ...given }));

  expect(await reason({})).toBe("INVALID_ARGUMENT");
  expect(await reason({ code: "1", passkeyJson: "{}" })).toBe("INVALID_ARGUMENT");
});

describe("an enrollment", () => {
  test.each<[string, Partial<Behaviour>]>([
    ["on another page", { origin: "https://evil.test" }],
    ["for another domain", { rpId: "evil.test" }],
    ["that answers a proof's options", { type: "webauthn.get" }],
    ["without a touch", { isTouched: false }],
    ["of an unknown attestation", { attestation: { fmt: "magic" } }],
  ])("%s is refused, and nothing is stored", async (_what, deviation) => {
    const { client } = await running.register();
    const { id, optionsJson } = await client.enrollPasskey({ userId: "me" });
    const credentialJson = createAuthenticator(shopPage).create(optionsJson, deviation);

    expect(await reasonOf(client.confirmPasskey({ userId: "me", id, credentialJson }))).toBe("BAD_PASSKEY");

    expect((await client.listFactors({ userId: "me" })).factors).toEqual([]);
  });

  test("may attest itself, as some security keys do", async () => {
    const { client } = await running.register();
    const { id, optionsJson } = await client.enrollPasskey({ userId: "me" });
    const credentialJson = createAuthenticator(shopPage).create(optionsJson, { attestation: { fmt: "packed" } });

    expect(await reasonOf(client.confirmPasskey({ userId: "me", id, credentialJson }))).toBe("OK");
  });

  test.each(["packed", "fido-u2f", "apple", "android-key", "tpm"])(
    "with a certificate (%s) is refused, and no address in it is asked",
    async (fmt) => {
      const { client } = await running.register();
      const { id, optionsJson } = await client.enrollPasskey({ userId: "me" });
      const attestation = { fmt, x5c: [new Uint8Array(Buffer.from("3082", "hex"))] };
      const credentialJson = createAuthenticator(shopPage).create(optionsJson, { attestation });
      const asked = vi.spyOn(globalThis, "fetch");

      expect(await reasonOf(client.confirmPasskey({ userId: "me", id, credentialJson }))).toBe("BAD_PASSKEY");

      expect(asked).not.toHaveBeenCalled();
    },
  );

  test("is finished once, in time, by its own user, and under its own id", async () => {
    const [{ client }, other] = [await running.register(), await running.register()];
    const device = createAuthenticator(shopPage);
    const start = async () => {
      const { id, optionsJson } = await client.enrollPasskey({ userId: "me" });
      return { userId: "me", id, credentialJson: device.create(optionsJson) };
    };
    const first = await start();
    expect(await reasonOf(other.client.confirmPasskey(first))).toBe("FACTOR_NOT_FOUND");
    expect(await reasonOf(client.confirmPasskey({ ...first, id: "another" }))).toBe("FACTOR_NOT_FOUND");

    const late = await start();
    nowMs += 300_001;
    expect(await reasonOf(client.confirmPasskey(late))).toBe("FACTOR_NOT_FOUND");

    const good = await start();
    const { session } = await client.confirmPasskey(good);
    expect(await reasonOf(running.as(session?.accessToken ?? "").confirmPasskey(good))).toBe("FACTOR_NOT_FOUND");
  });

  test("of a credential that somebody has is refused", async () => {
    const known = await enroll();
    const { client } = await running.register();
    const { id, optionsJson } = await client.enrollPasskey({ userId: "me" });
    const { id: credentialId } = JSON.parse(known.enrolled.credentialJson);
    const credentialJson = createAuthenticator(shopPage).create(optionsJson, { credentialId });

    expect(await reasonOf(client.confirmPasskey({ userId: "me", id, credentialJson }))).toBe("PASSKEY_EXISTS");
  });

  test("offers no second passkey to a device that has one", async () => {
    const person = await enroll();
    const { optionsJson } = await person.client.enrollPasskey({ userId: "me" });
    const [credential] = JSON.parse(optionsJson).excludeCredentials;
    expect(credential.id).toBe(JSON.parse(person.enrolled.credentialJson).id);
  });

  test("is for sessions with the second factor, of a user who has one", async () => {
    const { id, client } = await running.register();
    // A confirmation would end the session, and so would that of another one: the passkey is stored by force.
    await running.pool.query(
      "insert into passkeys (id, user_id, credential_id, public_key, sign_count) values ($1, $1, convert_to($1, 'UTF8'), '', 0)",
      [id],
    );

    expect(await reasonOf(client.enrollPasskey({ userId: "me" }))).toBe("SECOND_FACTOR_REQUIRED");
    expect(await reasonOf(client.renameFactor({ userId: "me", id, name: "mine" }))).toBe("SECOND_FACTOR_REQUIRED");
    expect(await reasonOf(client.deleteFactor({ userId: "me", id }))).toBe("SECOND_FACTOR_REQUIRED");
  });

  test("above ten factors of both kinds is refused", async () => {
    const { client } = await enroll();
    for (let more = 0; more < 9; more++) {
      await client.enrollTotp({ userId: "me" });
    }

    expect(await reasonOf(client.enrollPasskey({ userId: "me" }))).toBe("TOO_MANY_FACTORS");
  });
});

test("a passkey confirms the password's owner once for each challenge", async () => {
  const { client, password, device } = await enroll();
  expect(await reasonOf(client.confirmPassword({ password }))).toBe("SECOND_FACTOR_REQUIRED");
  const { optionsJson } = await client.challengePasskey({ userId: "me" });
  const passkeyJson = device.get(optionsJson);

  const { session } = await client.confirmPassword({ password, passkeyJson });

  expect(decodeJwt(session?.accessToken ?? "").amr).toEqual(["pwd", "pop", "mfa"]);
  const renewed = running.as(session?.accessToken ?? "");
  expect(await reasonOf(renewed.confirmPassword({ password, passkeyJson }))).toBe("BAD_PASSKEY");
});

test("a challenge is the user's own, and only for users with a passkey", async () => {
  const [person, other] = [await enroll(), await running.register()];
  expect(await reasonOf(other.client.challengePasskey({ userId: "me" }))).toBe("NO_SECOND_FACTOR");
  expect(await reasonOf(other.client.challengePasskey({ userId: person.id }))).toBe("USER_NOT_FOUND");
});

test("passkeys are listed, renamed and removed; the recovery codes go with the last one", async () => {
  const person = await enroll();
  const { client, factorId: id } = person;
  const { factor } = await client.renameFactor({ userId: "me", id, name: "the old laptop" });
  expect(factor).toMatchObject({ id, name: "the old laptop" });
  expect(await reasonOf(client.renameFactor({ userId: "me", id: "another", name: "x" }))).toBe("FACTOR_NOT_FOUND");
  const { client: stranger } = await running.register();
  expect(await reasonOf(stranger.renameFactor({ userId: "me", id, name: "stolen" }))).toBe("FACTOR_NOT_FOUND");

  const { signInToken, options } = await begin(person);
  await verify(signInToken, person.device.get(options));
  const { factors, recoveryCodesLeft } = await client.listFactors({ userId: "me" });
  expect(factors).toMatchObject([{ id, name: "the old laptop", kind: 2 }]);
  expect([factors[0]?.lastUseTime === undefined, recoveryCodesLeft]).toEqual([false, 10]);

  await client.deleteFactor({ userId: "me", id });

  expect(await client.listFactors({ userId: "me" })).toMatchObject({ factors: [], recoveryCodesLeft: 0 });
  const { username, password } = person;
  expect((await running.anonymous.signIn({ username, password })).session?.userId).toBe(person.id);
});

test("an operator's reset removes passkeys, too", async () => {
  const person = await enroll();

  await running.identity.resetFactors({ userId: person.id });

  const { username, password } = person;
  expect((await running.anonymous.signIn({ username, password })).session?.userId).toBe(person.id);
});

describe("the domain of passkeys", () => {
  const read = (env: Record<string, string>) =>
    readConfig({ ...testIdentityEnv("postgres://db/identity"), ISSUER_URL: "https://accounts.shop.example", ...env });

  test("is the issuer's host, or what the configuration says", () => {
    expect(read({}).passkeys).toEqual({ id: "accounts.shop.example", origins: ["https://accounts.shop.example"] });
    const PASSKEY_ORIGINS = "https://accounts.shop.example:443, https://Shop.example:8443/";
    expect(read({ PASSKEY_RP_ID: "shop.example", PASSKEY_ORIGINS }).passkeys).toEqual({
      id: "shop.example",
      origins: ["https://accounts.shop.example", "https://shop.example:8443"],
    });
  });

  test.each([
    [{ PASSKEY_RP_ID: "other.example" }, "PASSKEY_ORIGINS has https://accounts.shop.example, not of the domain"],
    [{ PASSKEY_RP_ID: "op.example" }, "not of the domain of PASSKEY_RP_ID, op.example"],
    [{ PASSKEY_RP_ID: "https://shop.example" }, "PASSKEY_RP_ID"],
    [{ PASSKEY_ORIGINS: "https://shop.example/path" }, "PASSKEY_ORIGINS"],
    [{ PASSKEY_ORIGINS: "https://evil.example" }, "PASSKEY_ORIGINS has https://evil.example"],
  ])("%j is refused", (env, sentence) => {
    expect(() => read(env)).toThrow(sentence);
  });
});
