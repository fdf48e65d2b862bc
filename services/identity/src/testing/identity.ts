import type { AddressInfo } from "node:net";
import type { Client, ConnectRouter } from "@connectrpc/connect";
import { createSecurityLog } from "@sagacart/chassis/auth/security-log";
import { createVerifier } from "@sagacart/chassis/auth/verify";
import { createServiceClient, openChannel, withTokens } from "@sagacart/chassis/client/client";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { health } from "@sagacart/chassis/rpc/health";
import { startServer } from "@sagacart/chassis/rpc/server";
import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { silentLog } from "@sagacart/chassis/testing/log";
import { type Clock, systemClock } from "@sagacart/chassis/time/clock";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer } from "smtp-server";
import { vi } from "vitest";
import { startIdentity } from "../compose.ts";
import { readConfig } from "../config.ts";

export type TestIdentity = AsyncDisposable & {
  readonly routes: (router: ConnectRouter) => void;
  /** A client over HTTP/2 with an operator's token. */
  readonly identity: Client<typeof IdentityService>;
  readonly operatorToken: string;
  /** A client without a token. */
  readonly anonymous: Client<typeof IdentityService>;
  /** Makes a client with this token. */
  as(accessToken: string): Client<typeof IdentityService>;
  /** Registers a new user and signs in as them. */
  register(): Promise<TestPerson>;
  /** `host:port` of its RPCs. */
  readonly address: string;
  readonly issuer: string;
  /** The real address of OpenID Connect, unlike the issuer's: the JWKS is at `<httpUrl>/oidc/jwks`. */
  readonly httpUrl: string;
  readonly pool: Pool;
  /** The database's owner, for what the service may not do. */
  readonly owner: Pool;
  /** The lines of its security log. */
  readonly security: Record<string, unknown>[];
  /** Writes what is counted of bursts; and forgets them, so that the next event is the first of its burst. */
  flushSecurity(forget?: boolean): void;
  /** Extends the pauses that have begun to an hour: a pause of a second could end before the test goes on. */
  prolongPauses(): Promise<void>;
  /** A fetch that resolves the issuer's name to `httpUrl`. */
  readonly fetch: typeof fetch;
};

export type TestPerson = {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly password: string;
  readonly client: Client<typeof IdentityService>;
  readonly accessToken: string;
  readonly refreshToken: string;
};

export const testIssuer = "http://shop.test";

/** The secret of every service in testIdentityEnv. */
export const testServiceSecret = "secret-of-a-test-service";

const testOperator = { username: "root", password: "the operator's own" };

/** Creates a database for one identity or for several replicas. */
export function identityDatabase(): Promise<TestDatabase> {
  return testDatabase(new URL("../../migrations/", import.meta.url));
}

/** Starts identity on random ports. It uses and keeps the given database, or else one of its own. */
export async function startTestIdentity(
  options: { env?: Record<string, string>; database?: TestDatabase; clock?: Clock } = {},
): Promise<TestIdentity> {
  const stack = new AsyncDisposableStack();
  const database = options.database ?? stack.use(await identityDatabase());
  const { clock = systemClock } = options;
  const config = readConfig({ ...testIdentityEnv(database.url), ...options.env });
  const metrics = createMetrics("identity");
  const { pool } = database;
  const lines: Record<string, unknown>[] = [];
  const security = createSecurityLog({
    ...{ service: "identity", metrics },
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const started = { config, pool, log: silentLog, metrics, clock, security, passwordMemoryKib: 64 };
  const running = await startIdentity(started);
  for (const part of [...running.background, running.revocations]) {
    stack.use(part);
  }
  await running.revocations.known(10_000);
  const serving = stack.use(health({ check: async () => {}, intervalMs: 1_000, log: silentLog }));
  const server = stack.use(
    await startServer({
      host: "127.0.0.1",
      port: 0,
      adminPort: 0,
      routes: running.routes,
      health: serving,
      log: silentLog,
      metrics,
      domain: "identity.sagacart",
      security,
      verifier: createVerifier({
        ...{ issuer: config.ISSUER_URL, audience: "sagacart" },
        jwksUrl: new URL(`http://127.0.0.1:${running.httpPort}/oidc/jwks`),
        // Tests change keys every second.
        ...{ keysMaxAgeMs: 100, keysCooldownMs: 0 },
        claims: { rolesClaim: "roles", roleMap: new Map(), customerIds: "subject" },
        revocations: running.revocations,
      }),
    }),
  );
  const address = `127.0.0.1:${server.port}`;
  const channel = stack.use(openChannel(address, { defaultTimeoutMs: 60_000 }));
  const httpUrl = `http://127.0.0.1:${running.httpPort}`;
  const anonymous = createServiceClient(IdentityService, channel);
  const as = (accessToken: string) => {
    const tokens = { authorization: () => `Bearer ${accessToken}` };
    return createServiceClient(IdentityService, withTokens(channel, tokens));
  };
  const signIn = async (account: { username: string; password: string }) => {
    const { session } = await anonymous.signIn(account);
    return { accessToken: session?.accessToken ?? "", refreshToken: session?.refreshToken ?? "" };
  };
  const operator = await signIn(testOperator);
  let people = 0;
  return {
    routes: running.routes,
    identity: as(operator.accessToken),
    operatorToken: operator.accessToken,
    anonymous,
    as,
    async register() {
      const username = `person-${++people}`;
      const account = { username, email: `${username}@shop.test`, password: "correct horse" };
      const { user } = await anonymous.register(account);
      const tokens = await signIn(account);
      return { id: user?.id ?? "", ...account, ...tokens, client: as(tokens.accessToken) };
    },
    flushSecurity(forget = true) {
      security.flush();
      if (forget) {
        security.flush();
      }
    },
    async prolongPauses() {
      await pool.query(
        "update throttles set blocked_until = now() + interval '1 hour' where blocked_until > '-infinity'",
      );
    },
    ...{ address, httpUrl, issuer: config.ISSUER_URL, pool: database.pool, owner: database.owner, security: lines },
    fetch: (input, init) => {
      const url = String(input instanceof Request ? input.url : input);
      return fetch(url.replace(config.ISSUER_URL, httpUrl), init);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Returns the environment of an identity under test. */
export function testIdentityEnv(databaseUrl: string): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    HTTP_PORT: "0",
    ISSUER_URL: testIssuer,
    KEY_ENCRYPTION_SECRET: "a secret for tests, of 32 characters",
    // Nothing listens there: tests that want mail start a server.
    SMTP_URL: "smtp://127.0.0.1:1",
    SEED_USERS: JSON.stringify([{ ...testOperator, email: "root@shop.test", roles: ["operator"] }]),
    SERVICE_CLIENT_SECRETS: JSON.stringify({
      ...{ order: testServiceSecret, gateway: testServiceSecret, surfaces: testServiceSecret },
    }),
  };
}

export type TestMailServer = AsyncDisposable & {
  readonly url: string;
  /** The mails received, oldest first. */
  readonly mails: readonly Email[];
  /** Waits for a token that was mailed to an address, and returns each once. */
  tokenTo(email: string, kind: keyof typeof tokenPatterns): Promise<string>;
};

/** The links with tokens in mails. */
const tokenPatterns = {
  reset: /reset-password\?token=([\w-]{43})/,
  confirm: /confirm-email\?token=([\w-]{43})/,
  undo: /undo-email-change\?token=([\w-]{43})/,
};

/** Starts an SMTP server on a free port. */
export async function startTestMailServer(): Promise<TestMailServer> {
  const mails: Email[] = [];
  const returned = new Set<string>();
  const server = new SMTPServer({
    authOptional: true,
    closeTimeout: 500,
    disabledCommands: ["AUTH", "STARTTLS"],
    onData(stream, _session, callback) {
      stream.toArray().then(async (chunks: Buffer[]) => {
        mails.push(await PostalMime.parse(Buffer.concat(chunks)));
        callback();
      }, callback);
    },
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    tokenTo(email, kind) {
      return vi.waitFor(
        () => {
          const sent = mails.filter(({ to }) => to?.some(({ address }) => address === email));
          const tokens = sent.flatMap(({ text }) => tokenPatterns[kind].exec(text ?? "")?.[1] ?? []);
          const token = tokens.find((one) => !returned.has(one));
          if (token === undefined) {
            throw new Error(`no mail with a ${kind} token to ${email} among ${sent.length}`);
          }
          returned.add(token);
          return token;
        },
        { timeout: 20_000 },
      );
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
