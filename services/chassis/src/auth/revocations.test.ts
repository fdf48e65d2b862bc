import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { startIssuer } from "../testing/issuer.ts";
import { silentLog } from "../testing/log.ts";
import type { Principal } from "./principal.ts";
import { followRevocations, type RevocationPage, readRevocationsAt } from "./revocations.ts";

const nothing: RevocationPage = { cursor: "7", sessions: [], users: [] };
const later = () => Date.now() + 60_000;

/** Starts an identity that tells these pages, one after the other, and the last one from then on. */
async function startTeller(pages: RevocationPage[]) {
  const asked: (string | null)[] = [];
  const teller = { isAway: false, asked };
  const server = createServer((request, response) => {
    if (teller.isAway) {
      response.writeHead(503).end();
      return;
    }
    asked.push(new URL(request.url ?? "", "http://identity").searchParams.get("after"));
    response.end(JSON.stringify(pages.length > 1 ? pages.shift() : pages[0]));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(teller, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/revocations` });
}

function follow(url: string, metrics = createMetrics("test")) {
  const revocations = followRevocations({ read: readRevocationsAt(url), log: silentLog, metrics, intervalMs: 5 });
  onTestFinished(() => revocations[Symbol.asyncDispose]());
  return revocations;
}

const unknown = { issuer: "i", customerId: "ada", roles: new Set<never>(), email: "", isEmailVerified: false };
const person = (sessionId: string, tokenVersion?: number): Principal => ({
  ...{ kind: "person", serviceName: "", subject: "ada", ...unknown, sessionId, tokenVersion },
});

test("a session's tokens and a user's earlier tokens are refused, and no others", async () => {
  const { url } = await startTeller([
    { cursor: "1", sessions: [["ended", later()]], users: [["ada", 3, later()]] },
    nothing,
  ]);
  const revocations = follow(url);
  await revocations.known(10_000);

  expect(revocations.isRevoked(person("ended", 3))).toBe(true);
  expect(revocations.isRevoked(person("other", 2))).toBe(true);
  expect(revocations.isRevoked(person("other", 3))).toBe(false);
  // Of an issuer that knows no versions.
  expect(revocations.isRevoked(person("other"))).toBe(true);
  expect(revocations.isRevoked({ ...person("other", 0), subject: "bob" })).toBe(false);
});

test("a list that cannot be read is a control that failed, in the security log", async () => {
  const teller = await startTeller([nothing]);
  teller.isAway = true;
  const failures: [string, unknown][] = [];
  const security = { controlFailed: (control: string, error: unknown) => void failures.push([control, error]) };
  const options = { log: silentLog, intervalMs: 5, security };
  const revocations = followRevocations({ read: readRevocationsAt(teller.url), ...options });
  onTestFinished(() => revocations[Symbol.asyncDispose]());

  await expect.poll(() => failures).not.toEqual([]);

  expect(failures[0]).toEqual(["revocations", new Error(`${teller.url} answers 503`)]);
});

test("it reads on from the cursor that it was told", async () => {
  const { url, asked } = await startTeller([
    { ...nothing, cursor: "41" },
    { ...nothing, cursor: "42" },
  ]);
  follow(url);

  await expect.poll(() => asked.slice(0, 4)).toEqual(["", "41", "42", "42"]);
});

test("an older answer of another process does not undo a newer one", async () => {
  const { url, asked } = await startTeller([
    { cursor: "9", sessions: [], users: [["ada", 3, later()]] },
    { cursor: "8", sessions: [], users: [["ada", 2, later()]] },
    nothing,
  ]);
  const revocations = follow(url);
  await expect.poll(() => asked.length).toBeGreaterThan(2);

  expect(revocations.isRevoked(person("s", 2))).toBe(true);
});

test("entries are forgotten when no token is left that they refuse", async () => {
  const metrics = createMetrics("test");
  const { url } = await startTeller([
    { cursor: "1", sessions: [["ended", Date.now() - 1]], users: [["ada", 3, Date.now() - 1]] },
    nothing,
  ]);
  const count = async () => (await metrics.getSingleMetric("sagacart_revocations")?.get())?.values[0]?.value;
  vi.spyOn(performance, "now").mockReturnValue(1_000_000);
  onTestFinished(() => void vi.restoreAllMocks());
  const revocations = follow(url, metrics);
  await revocations.known(10_000);

  await expect.poll(count).toBe(0);
});

test("while identity is away, what is known still counts, and the metric tells since when", async () => {
  const metrics = createMetrics("test");
  const teller = await startTeller([{ cursor: "1", sessions: [["ended", later()]], users: [] }, nothing]);
  const revocations = follow(teller.url, metrics);
  await revocations.known(10_000);
  teller.isAway = true;

  const age = async () => (await metrics.getSingleMetric("sagacart_revocations_age_seconds")?.get())?.values[0]?.value;
  await expect.poll(age).toBeGreaterThan(0.3);
  expect(revocations.isRevoked(person("ended"))).toBe(true);
});

test("until they are known no person's token is accepted, but a service's is; then a revoked one is refused", async () => {
  await using issuer = await startIssuer();
  const teller = await startTeller([{ cursor: "1", sessions: [["ended", later()]], users: [] }, nothing]);
  teller.isAway = true;
  const revocations = follow(teller.url);
  const verifier = issuer.verifier({ revocations });
  const verify = async (claims: object) => await verifier.verify(await issuer.sign({ roles: ["customer"], ...claims }));
  await revocations.known(1);

  await expect(verify({ sub: "ada", sid: "open" })).rejects.toMatchObject({ reason: "ISSUER_UNAVAILABLE" });
  expect(await verify({ sub: "service:order", roles: ["service"] })).toMatchObject({ kind: "service" });

  teller.isAway = false;
  await revocations.known(10_000);
  expect(await verify({ sub: "ada", sid: "open" })).toMatchObject({ subject: "ada" });
  await expect(verify({ sub: "ada", sid: "ended" })).rejects.toMatchObject({ reason: "TOKEN_REVOKED" });
});

test("a token that was verified before is refused once it is revoked", async () => {
  await using issuer = await startIssuer();
  const pages = [nothing];
  const { url } = await startTeller(pages);
  const revocations = follow(url);
  await revocations.known(10_000);
  const verifier = issuer.verifier({ revocations });
  const token = await issuer.sign({ sub: "ada", roles: ["customer"], sid: "s1" });
  expect(await verifier.verify(token)).toMatchObject({ sessionId: "s1" });

  pages[0] = { cursor: "8", sessions: [["s1", later()]], users: [] };

  await expect.poll(() => revocations.isRevoked(person("s1"))).toBe(true);
  expect(() => verifier.verify(token)).toThrow(expect.objectContaining({ reason: "TOKEN_REVOKED" }));
});

describe("replaced signing keys", () => {
  test("a key's tokens are refused after the time that was told, of people and programs", async () => {
    await using issuer = await startIssuer();
    const pages: RevocationPage[] = [{ ...nothing, keys: [["key-1", 60_000]] }];
    const { url } = await startTeller(pages);
    const revocations = follow(url);
    await revocations.known(10_000);
    const verifier = issuer.verifier({ revocations });
    const person = await issuer.sign({ sub: "ada", roles: ["customer"] });
    const program = await issuer.sign({ sub: "service:order", roles: ["service"] });
    for (const token of [person, program]) {
      expect(await verifier.verify(token)).toMatchObject({ keyId: "key-1" });
    }

    pages[0] = { ...nothing, keys: [["key-1", 0]] };

    for (const token of [person, program]) {
      // Known ones, too.
      const reason = async () =>
        await Promise.resolve(token)
          .then(verifier.verify)
          .catch(({ reason }) => reason);
      await expect.poll(reason).toBe("TOKEN_REVOKED");
    }
    // Also where the key is not among the issuer's any more: its owner shall refresh it, not sign in again.
    for (const other of [verifier, issuer.verifier({ revocations, jwksUrl: new URL(`${issuer.issuer}/no-keys`) })]) {
      const unseen = await issuer.sign({ sub: "bob", roles: ["customer"] });
      await expect(other.verify(unseen)).rejects.toMatchObject({ reason: "TOKEN_REVOKED" });
    }
  });

  test("the new key is fetched even just after the keys were, and those of the time before are not used", async () => {
    await using issuer = await startIssuer();
    const pages: RevocationPage[] = [{ ...nothing, keys: [] }];
    const { url } = await startTeller(pages);
    const revocations = follow(url);
    await revocations.known(10_000);
    const verifier = issuer.verifier({ revocations });
    await verifier.verify(await issuer.sign({ sub: "ada", roles: ["customer"] }));
    const former = await issuer.sign({ sub: "eve", roles: ["customer"] });
    await issuer.rotate();
    pages[0] = { ...nothing, keys: [["key-1", 60_000]] };
    await expect.poll(() => revocations.keyChanges()).toBe(1);
    const token = await issuer.sign({ sub: "bob", roles: ["customer"] });

    issuer.down = true;
    await expect(verifier.verify(token)).rejects.toMatchObject({ reason: "ISSUER_UNAVAILABLE" });
    await expect(verifier.verify(former)).rejects.toMatchObject({ reason: "ISSUER_UNAVAILABLE" });
    issuer.down = false;
    expect(await verifier.verify(token)).toMatchObject({ subject: "bob", keyId: "key-2" });
    expect(issuer.asked.jwks).toBe(2);
  });

  test("a token that does not name its key is refused: nobody could see that the key was replaced", async () => {
    await using issuer = await startIssuer();
    const { url } = await startTeller([nothing]);
    const revocations = follow(url);
    await revocations.known(10_000);
    const token = await issuer.sign({ sub: "ada", roles: ["customer"] }, { withoutKeyId: true });

    expect(await issuer.verifier().verify(token)).toMatchObject({ subject: "ada" });
    await expect(issuer.verifier({ revocations }).verify(token)).rejects.toMatchObject({ reason: "TOKEN_INVALID" });
  });

  test("a page of an earlier release, which tells no keys, changes nothing", async () => {
    const { url, asked } = await startTeller([{ ...nothing, keys: [["key-1", 0]] }, nothing]);
    const revocations = follow(url);
    await expect.poll(() => asked.length).toBeGreaterThan(2);

    expect(revocations.isRevoked({ ...person("s"), keyId: "key-1" })).toBe(true);
    expect(revocations.isRevoked({ ...person("s"), keyId: "key-2" })).toBe(false);
    expect(revocations.keyChanges()).toBe(1);
  });
});

test.each([
  [{}],
  [{ cursor: "1", sessions: [], users: [], keys: [["a"]] }],
  [{ cursor: 1, sessions: [], users: [] }],
  [{ cursor: "1", sessions: [["a"]], users: [] }],
  [null],
])("an answer like %j is not believed", async (page) => {
  const { url } = await startTeller([page as never]);
  await expect(readRevocationsAt(url)("", AbortSignal.timeout(5_000))).rejects.toThrow("no page of revocations");
});
