import type { AddressInfo } from "node:net";
import type { Client } from "@connectrpc/connect";
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
import { startIdentity } from "../compose.ts";
import { readConfig } from "../config.ts";

export type TestIdentity = AsyncDisposable & {
  /** Over real HTTP/2: as the shop's operator, without a token, or as somebody else. */
  readonly identity: Client<typeof IdentityService>;
  readonly anonymous: Client<typeof IdentityService>;
  as(accessToken: string): Client<typeof IdentityService>;
  /** Makes somebody, and signs them in. */
  register(): Promise<TestPerson>;
  /** `host:port` of its RPCs. */
  readonly address: string;
  readonly issuer: string;
  /** Where OpenID Connect is served, whatever the issuer's name says: the JWKS is at `<httpUrl>/oidc/jwks`. */
  readonly httpUrl: string;
  readonly pool: Pool;
  /** Makes the pauses that have begun an hour long: a busy machine would sit out those of a second. */
  prolongPauses(): Promise<void>;
  /** A fetch for which the issuer's name leads here. */
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

/** A database for one identity, or for several side by side. */
export function identityDatabase(): Promise<TestDatabase> {
  return testDatabase(new URL("../../migrations/", import.meta.url));
}

/** Identity on random ports. With a database of its own unless one is given, which then outlives it. */
export async function startTestIdentity(
  options: { env?: Record<string, string>; database?: TestDatabase; clock?: Clock } = {},
): Promise<TestIdentity> {
  const stack = new AsyncDisposableStack();
  const database = options.database ?? stack.use(await identityDatabase());
  const { clock = systemClock } = options;
  const config = readConfig({ ...testIdentityEnv(database.url), ...options.env });
  const metrics = createMetrics("identity");
  const { pool } = database;
  const running = await startIdentity({ config, pool, log: silentLog, metrics, clock, passwordMemoryKib: 64 });
  for (const part of running.background) {
    stack.use(part);
  }
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
      verifier: createVerifier({
        ...{ issuer: config.ISSUER_URL, audience: "sagacart" },
        jwksUrl: new URL(`http://127.0.0.1:${running.httpPort}/oidc/jwks`),
        // Tests change keys every second.
        ...{ keysMaxAgeMs: 100, keysCooldownMs: 0 },
        claims: { rolesClaim: "roles", roleMap: new Map(), customerIds: "subject" },
      }),
    }),
  );
  const address = `127.0.0.1:${server.port}`;
  const channel = stack.use(openChannel(address));
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
    identity: as(operator.accessToken),
    anonymous,
    as,
    async register() {
      const username = `person-${++people}`;
      const account = { username, email: `${username}@shop.test`, password: "correct horse" };
      const { user } = await anonymous.register(account);
      const tokens = await signIn(account);
      return { id: user?.id ?? "", ...account, ...tokens, client: as(tokens.accessToken) };
    },
    async prolongPauses() {
      await pool.query(
        "update throttles set blocked_until = now() + interval '1 hour' where blocked_until > '-infinity'",
      );
    },
    ...{ address, httpUrl, issuer: config.ISSUER_URL, pool: database.pool },
    fetch: (input, init) => {
      const url = String(input instanceof Request ? input.url : input);
      return fetch(url.replace(config.ISSUER_URL, httpUrl), init);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The variables of an identity that hashes many passwords at once, and is patient. */
export function testIdentityEnv(databaseUrl: string): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    HTTP_PORT: "0",
    ISSUER_URL: testIssuer,
    KEY_ENCRYPTION_SECRET: "a secret for tests, of 32 characters",
    // Nobody listens there: a test that wants mail starts a server.
    SMTP_URL: "smtp://127.0.0.1:1",
    SEED_USERS: JSON.stringify([{ ...testOperator, email: "root@shop.test", roles: ["operator"] }]),
    SERVICE_CLIENT_SECRETS: JSON.stringify({ order: testServiceSecret, gateway: testServiceSecret }),
  };
}

export type TestMailServer = AsyncDisposable & {
  readonly url: string;
  /** What it has taken, oldest first. */
  readonly mails: readonly Email[];
};

/** A mail server on a real port. */
export async function startTestMailServer(): Promise<TestMailServer> {
  const mails: Email[] = [];
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
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
