import { createHmac } from "node:crypto";
import { base64url, exportSPKI, importJWK, type JWK } from "jose";
import { expect, onTestFinished, test, vi } from "vitest";
import { startIssuer } from "../testing/issuer.ts";
import type { Principal } from "./principal.ts";
import { bearerToken, type Verifier } from "./verify.ts";

test("a valid token gives its principal, and the keys are fetched once", async () => {
  await using issuer = await startIssuer();
  const verifier = issuer.verifier();
  const token = await issuer.sign({ sub: "ada", roles: ["customer", "stranger"] });

  const first = await verifier.verify(token);
  const second = verifier.verify(token);

  expect(first).toEqual({
    kind: "person",
    issuer: issuer.issuer,
    subject: "ada",
    customerId: "ada",
    serviceName: "",
    roles: new Set(["customer"]),
    email: "",
    isEmailVerified: false,
    authTimeMs: expect.any(Number),
    keyId: "key-1",
  });
  // Known by now: no promise.
  expect(second).toBe(first);
  expect(issuer.asked.jwks).toBe(1);
});

test("a service is not a customer", async () => {
  await using issuer = await startIssuer();
  const principal = await issuer.verifier().verify(await issuer.sign({ sub: "service:order", roles: ["service"] }));
  expect(principal).toMatchObject({ kind: "service", subject: "service:order", customerId: undefined });
});

const wrong: [string, (issuer: Awaited<ReturnType<typeof startIssuer>>) => Promise<string> | string, string][] = [
  ["expired", (issuer) => issuer.sign({ sub: "ada" }, { expiresInS: -1 }), "TOKEN_EXPIRED"],
  ["signed by another key", (issuer) => issuer.sign({ sub: "ada" }, { forged: true }), "TOKEN_INVALID"],
  ["not signed", (issuer) => issuer.unsigned("ada", ["operator"]).slice("Bearer ".length), "TOKEN_INVALID"],
  ["for another audience", (issuer) => issuer.sign({ sub: "ada" }, { audience: "elsewhere" }), "TOKEN_INVALID"],
  ["of another issuer", (issuer) => issuer.sign({ sub: "ada" }, { issuer: "http://elsewhere" }), "TOKEN_INVALID"],
  ["without a subject", (issuer) => issuer.sign({ roles: ["operator"] }), "TOKEN_INVALID"],
  ["with an invalid customer id", (issuer) => issuer.sign({ sub: "a/b", roles: ["customer"] }), "TOKEN_INVALID"],
  ["signed with the public key as a shared secret", signedWithPublicKey, "TOKEN_INVALID"],
  ["changed after it was signed", changed, "TOKEN_INVALID"],
  ["no token at all", () => "x.y.z", "TOKEN_INVALID"],
  ["endless", () => "a".repeat(9_000), "TOKEN_INVALID"],
];

test.each(wrong)("a token that is %s is refused", async (_, make, reason) => {
  await using issuer = await startIssuer();
  await expect(verified(issuer.verifier(), await make(issuer))).rejects.toMatchObject({ reason });
});

test("a token is refused once it expires, even a cached one", async () => {
  await using issuer = await startIssuer();
  const verifier = issuer.verifier();
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const token = await issuer.sign({ sub: "ada" }, { expiresInS: 10 });
  await verified(verifier, token);

  vi.setSystemTime(Date.now() + 10_000);
  await expect(verified(verifier, token)).rejects.toMatchObject({ reason: "TOKEN_EXPIRED" });
});

test("a new key is found without a restart", async () => {
  await using issuer = await startIssuer();
  const verifier = issuer.verifier({ keysCooldownMs: 0 });
  await verified(verifier, await issuer.sign({ sub: "ada" }));
  await issuer.rotate();
  expect(await verified(verifier, await issuer.sign({ sub: "ada" }))).toMatchObject({ subject: "ada" });
});

test("unknown keys cannot make the issuer be asked again and again", async () => {
  await using issuer = await startIssuer();
  const verifier = issuer.verifier();
  await verified(verifier, await issuer.sign({ sub: "ada" }));
  await issuer.rotate();
  for (let count = 0; count < 5; count++) {
    const stranger = await issuer.sign({ sub: `ada-${count}` });
    await expect(verified(verifier, stranger)).rejects.toMatchObject({ reason: "TOKEN_INVALID" });
  }
  expect(issuer.asked.jwks).toBe(1);
});

test("while the issuer is down, an unknown token fails with ISSUER_UNAVAILABLE", async () => {
  await using issuer = await startIssuer();
  const verifier = issuer.verifier();
  const token = await issuer.sign({ sub: "ada" });
  issuer.down = true;
  await expect(verified(verifier, token)).rejects.toMatchObject({ reason: "ISSUER_UNAVAILABLE" });
  issuer.down = false;
  expect(await verified(verifier, token)).toMatchObject({ subject: "ada" });
});

test("after the keys were replaced, a token of a key that the issuer does not list yet is not called invalid", async () => {
  vi.useFakeTimers({ toFake: ["Date", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  await using issuer = await startIssuer();
  let changes = 0;
  const verifier = issuer.verifier({
    revocations: {
      isKnown: () => true,
      isRevoked: () => false,
      isReplacedKey: (keyId) => changes > 0 && keyId === "key-1",
      keyChanges: () => changes,
    },
  });
  const former = await issuer.sign({ sub: "ada" });
  await verified(verifier, former);
  await issuer.rotate();
  issuer.givesFormerKeys = true;
  changes = 1;
  const token = await issuer.sign({ sub: "ada" });

  await expect(verified(verifier, token)).rejects.toMatchObject({ reason: "ISSUER_UNAVAILABLE" });
  await expect(verified(verifier, await issuer.sign({ sub: "bob" }))).rejects.toMatchObject({
    reason: "ISSUER_UNAVAILABLE",
  });
  expect(issuer.asked.jwks).toBe(2);

  // Once the cooldown is over, the list is fetched again.
  issuer.givesFormerKeys = false;
  vi.advanceTimersByTime(5_000);
  expect(await verified(verifier, token)).toMatchObject({ subject: "ada" });
  expect(issuer.asked.jwks).toBe(3);

  // An unknown key is nobody's, once the new ones must be everywhere.
  await issuer.rotate();
  issuer.givesFormerKeys = true;
  vi.advanceTimersByTime(30_000);
  await expect(verified(verifier, await issuer.sign({ sub: "eve" }))).rejects.toMatchObject({
    reason: "TOKEN_INVALID",
  });
});

test("keys are fetched before the first token, even if the issuer starts late", async () => {
  await using issuer = await startIssuer();
  issuer.down = true;
  const verifier = issuer.verifier({ keysAtStart: true });
  await expect.poll(() => issuer.refused).toBeGreaterThan(0);
  issuer.down = false;
  await expect.poll(() => issuer.asked.jwks).toBe(1);
  issuer.down = true;
  expect(await verified(verifier, await issuer.sign({ sub: "ada" }))).toMatchObject({ subject: "ada" });
});

test("known keys are used while the issuer is down", async () => {
  await using issuer = await startIssuer();
  const verifier = issuer.verifier({ keysMaxAgeMs: 0 });
  await verified(verifier, await issuer.sign({ sub: "ada" }));
  issuer.down = true;
  expect(await verified(verifier, await issuer.sign({ sub: "bob" }))).toMatchObject({ subject: "bob" });
});

test.each(["Basic YTpi", "Bearer", "Bearer a b", "Bearer ä", "token"])("%s is not a bearer token", (header) => {
  expect(() => bearerToken(header)).toThrow(expect.objectContaining({ reason: "TOKEN_INVALID" }));
});

test("the scheme of the header may be written in any case", () => {
  expect(bearerToken("bearer a.b-c_d.e=")).toBe("a.b-c_d.e=");
  expect(bearerToken(undefined)).toBeUndefined();
});

async function verified(verifier: Verifier, token: string): Promise<Principal> {
  return await verifier.verify(token);
}

/** The usual confusion of algorithms: what everybody may read, used as a secret. */
async function signedWithPublicKey(issuer: Awaited<ReturnType<typeof startIssuer>>): Promise<string> {
  const { keys } = (await (await fetch(issuer.jwksUrl)).json()) as { keys: [JWK] };
  const publicKey = (await importJWK({ ...keys[0], ext: true })) as Parameters<typeof exportSPKI>[0];
  const head = { alg: "HS256", kid: "key-1" };
  const body = { iss: issuer.issuer, aud: "sagacart", sub: "ada", roles: ["operator"], exp: Date.now() / 1000 + 900 };
  const signed = [head, body].map((part) => base64url.encode(JSON.stringify(part))).join(".");
  const mac = createHmac("sha256", await exportSPKI(publicKey))
    .update(signed)
    .digest();
  return `${signed}.${base64url.encode(mac)}`;
}

async function changed(issuer: Awaited<ReturnType<typeof startIssuer>>): Promise<string> {
  const [head, , signature] = (await issuer.sign({ sub: "ada", roles: ["customer"] })).split(".");
  const body = { iss: issuer.issuer, aud: "sagacart", sub: "ada", roles: ["operator"], exp: Date.now() / 1000 + 900 };
  return [head, base64url.encode(JSON.stringify(body)), signature].join(".");
}
