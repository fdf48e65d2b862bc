import type { ConnectRouter } from "@connectrpc/connect";
import { type FollowedRevocations, followRevocations, type Revocations } from "@sagacart/chassis/auth/revocations";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
import { serviceConnections } from "@sagacart/chassis/connections/limits";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { forgetOldRequests } from "@sagacart/chassis/postgres/request-retention";
import { whenAvailable } from "@sagacart/chassis/postgres/when-available";
import { connectionLimitsOf } from "@sagacart/chassis/process/config";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import type { Shutdown } from "@sagacart/chassis/process/shutdown";
import type { Clock } from "@sagacart/chassis/time/clock";
import type { Tls } from "@sagacart/chassis/tls/files";
import { createEventFeed } from "@sagacart/outbox/events/feed";
import { personalDataService } from "@sagacart/privacy/export-service";
import { personalData } from "@sagacart/privacy/personal-data";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { PersonalDataService } from "@sagacart/proto/privacy/v1/personal_data_service";
import type { Config } from "./config.ts";
import { renewFactorSecrets } from "./factors/factor-secrets.ts";
import { factorRpcs } from "./factors/factor-service.ts";
import { createFactors, type Factors } from "./factors/factors.ts";
import { createKeyCipher, deriveKeys, type Secrets } from "./keys/key-cipher.ts";
import { keyRpcs } from "./keys/key-service.ts";
import { type Keys, startKeys } from "./keys/keys.ts";
import { createMailer } from "./mailer.ts";
import { createMeters } from "./meters.ts";
import { clientsOf } from "./oidc/clients.ts";
import { emailPages, emailPaths } from "./oidc/email-pages.ts";
import { startHttpServer } from "./oidc/http-server.ts";
import { passwordPages, passwordPaths } from "./oidc/password-pages.ts";
import { currentProvider } from "./oidc/provider.ts";
import { signInForm } from "./oidc/sign-in-form.ts";
import { userinfo } from "./oidc/userinfo.ts";
import { waitingSignIn } from "./oidc/waiting-sign-in.ts";
import { createBreachedPasswords } from "./sessions/breached-passwords.ts";
import { createDeviceTokens, type DeviceTokens } from "./sessions/device-tokens.ts";
import { createPasswordChange, type PasswordChange } from "./sessions/password-change.ts";
import { createPasswordRules } from "./sessions/password-rules.ts";
import { createPasswords, type Passwords } from "./sessions/passwords.ts";
import { readRevocations } from "./sessions/revocation-store.ts";
import { sessionRpcs } from "./sessions/session-service.ts";
import type { SessionTimesByRole } from "./sessions/session-times.ts";
import { createSessions } from "./sessions/sessions.ts";
import { shopWords } from "./sessions/shop-words.ts";
import { createSignIn, type SignIn } from "./sessions/sign-in.ts";
import { sweepExpired } from "./sessions/sweep.ts";
import { createThrottle } from "./sessions/throttle.ts";
import { createTokens } from "./sessions/tokens.ts";
import { addressRpcs } from "./users/address-service.ts";
import { announceUsers } from "./users/announce.ts";
import { createEmailChange, type EmailChange } from "./users/email-change.ts";
import { emailRpcs } from "./users/email-service.ts";
import { erasureRpcs } from "./users/erasure-service.ts";
import { foldUsers } from "./users/fold-users.ts";
import { createRegistration, type Registration } from "./users/registration.ts";
import { seedUsers } from "./users/seed.ts";
import { userRpcs } from "./users/user-service.ts";

export type IdentityOptions = {
  config: Config;
  pool: Pool;
  log: Log;
  metrics: Metrics;
  clock: Clock;
  security?: SecurityLog | undefined;
  tls?: Tls | undefined;
  shutdown?: Shutdown | undefined;
  /** For tests, see createPasswords. */
  passwordMemoryKib?: number;
};

/** Starts identity: wires the RPC handlers, the OpenID Connect server and the background loops. */
export async function startIdentity(options: IdentityOptions): Promise<{
  routes(router: ConnectRouter): void;
  readonly httpPort: number;
  readonly revocations: FollowedRevocations;
  readonly background: AsyncDisposable[];
}> {
  const { config, pool, log, clock, metrics, security, tls, shutdown, passwordMemoryKib } = options;
  const meters = createMeters(metrics);
  const feed = createEventFeed({ pool, url: config.DATABASE_URL, source: "/sagacart/identity", log, metrics });
  const onEvents = () => feed.notify();
  const passwords = createPasswords({ atOnce: config.PASSWORD_HASHES_AT_ONCE, memoryKib: passwordMemoryKib });
  const rules = createPasswordRules({
    minLength: config.PASSWORD_MIN_LENGTH,
    operatorMinLength: config.OPERATOR_PASSWORD_MIN_LENGTH,
    words: shopWords({ issuer: config.ISSUER_URL, configured: config.PASSWORD_WORDS }),
    breached: createBreachedPasswords({
      ...{ url: config.PASSWORD_BREACH_URL, timeoutMs: config.PASSWORD_BREACH_TIMEOUT_MS },
      ...{ log, meters, security },
    }),
  });
  const secrets = encryptionSecrets(config);
  const cipher = createKeyCipher(secrets);
  const seeding = { pool, passwords, rules, cipher, allowWeak: config.SEED_WEAK_PASSWORDS, log };
  await whenAvailable(log, () => seedUsers(config.SEED_USERS, seeding));
  const keys = await whenAvailable(log, () =>
    startKeys({
      ...{ pool, clock, log, cipher, security },
      signMs: config.SIGNING_KEY_MS,
      leadMs: config.SIGNING_KEY_LEAD_MS,
      longestTokenMs: Math.max(config.ACCESS_TOKEN_MS, config.SERVICE_TOKEN_MS),
    }),
  );
  const tokens = createTokens({ keys, clock, issuer: config.ISSUER_URL, lifeMs: config.ACCESS_TOKEN_MS });
  const throttle = createThrottle({ pool, longestPauseMs: config.SIGN_IN_LONGEST_PAUSE_MS, security });
  const mailer = createMailer({ smtpUrl: config.SMTP_URL, from: config.MAIL_FROM, log });
  const devices = createDeviceTokens({ keys: deriveKeys(secrets, "devices"), clock });
  const signIn: SignIn = createSignIn({
    ...{ pool, passwords, throttle, meters, rules, devices },
    refuseUnverified: config.UNVERIFIED_USERS_MAY === "nothing",
    askToConfirm: (user) => void emailChange.askToConfirm(user, user.email),
    freeAttempts: config.SIGN_IN_FREE_ATTEMPTS,
    freeAttemptsPerAddress: config.SIGN_IN_FREE_ATTEMPTS_PER_ADDRESS,
  });
  const factors = createFactors({
    ...{ pool, clock, cipher, throttle, mailer, log },
    issuer: new URL(config.ISSUER_URL).host,
    party: { ...config.passkeys, name: new URL(config.ISSUER_URL).host },
    pendingMs: config.SECOND_FACTOR_WAIT_MS,
    freeAttempts: config.SIGN_IN_FREE_ATTEMPTS,
  });
  const sessions = createSessions({
    ...{ pool, clock, tokens, log, meters, security },
    times: sessionTimes(config),
    mostPerUser: config.SESSIONS_PER_USER,
    repeatMs: config.REFRESH_REPEAT_MS,
  });
  const passwordChange = createPasswordChange({
    ...{ pool, clock, passwords, throttle, signIn, mailer, onEvents },
    rules,
    tokenMs: config.RESET_TOKEN_MS,
    resetUrl: config.RESET_URL ?? `${config.ISSUER_URL}${passwordPaths.reset}?token=`,
  });
  const emailChange: EmailChange = createEmailChange({
    ...{ pool, clock, mailer, throttle, log, onEvents },
    requestReset: (email) => passwordChange.requestReset(email, undefined),
    tokenMs: config.EMAIL_TOKEN_MS,
    undoMs: config.EMAIL_UNDO_MS,
    confirmUrl: config.EMAIL_CONFIRM_URL ?? `${config.ISSUER_URL}${emailPaths.confirm}?token=`,
    undoUrl: config.EMAIL_UNDO_URL ?? `${config.ISSUER_URL}${emailPaths.undo}?token=`,
  });
  const registration = createRegistration({
    ...{ pool, passwords, rules, emailChange, throttle, onEvents },
    saltKeys: deriveKeys(secrets, "registration-salts"),
    registrationsFree: config.REGISTRATIONS_FREE_PER_ADDRESS,
  });
  const revocations = followRevocations({ read: (cursor) => readRevocations(pool, cursor), log, metrics, security });
  const http = await startHttp({
    ...{ config, pool, log, security, keys, signIn, tls, shutdown, revocations, devices, emailChange, factors },
    ...{ registration, passwordChange, passwords },
  });
  const service = {
    ...sessionRpcs({ pool, signIn, sessions, passwordChange, devices, factors }),
    ...factorRpcs({ pool, factors, sessions }),
    ...keyRpcs({ pool, keys }),
    ...emailRpcs({ pool, emailChange }),
    ...userRpcs({ pool, registration, emailChange, throttle, onEvents }),
    ...addressRpcs({ pool }),
    ...erasureRpcs({ pool, onEvents }),
  };
  return {
    routes(router) {
      router.service(IdentityService, service);
      router.service(PersonalDataService, personalDataService({ pool, tables: personalData.identity }));
      feed.routes(router);
    },
    httpPort: http.port,
    revocations,
    background: [
      ...[feed, mailer, keys, sweepExpired({ pool, log }), forgetOldRequests({ pool, log })],
      ...[announceUsers({ pool, log, onEvents }), foldUsers({ pool, log }), http],
      renewFactorSecrets({ pool, cipher, log }),
    ],
  };
}

type HttpOptions = { config: Config; pool: Pool; log: Log; keys: Keys; signIn: SignIn; tls: Tls | undefined } & {
  shutdown: Shutdown | undefined;
  security: SecurityLog | undefined;
  revocations: Revocations;
  devices: DeviceTokens;
  factors: Factors;
  emailChange: EmailChange;
  registration: Registration;
  passwords: Passwords;
  passwordChange: PasswordChange;
};

async function startHttp(parts: HttpOptions) {
  const { config, pool, log, security, keys, signIn, tls, shutdown, revocations, devices, emailChange, factors } =
    parts;
  const { registration, passwordChange, passwords } = parts;
  const minPasswordLength = config.PASSWORD_MIN_LENGTH;
  const issuer = config.ISSUER_URL;
  const secrets = encryptionSecrets(config);
  const options = {
    ...{ issuer, pool, log, keys, security },
    cookieKeys: deriveKeys(secrets, "cookies").map((key) => key.toString("base64url")),
    accessTokenMs: config.ACCESS_TOKEN_MS,
    serviceTokenMs: config.SERVICE_TOKEN_MS,
    sessionTimes: sessionTimes(config),
    mostSessionsPerUser: config.SESSIONS_PER_USER,
  };
  // From outside there are no programs: their secrets can be neither used nor tried.
  const provider = currentProvider({
    ...options,
    clients: clientsOf(new Map(), config.OIDC_CLIENTS),
    servesPrograms: false,
  });
  const insideProvider = currentProvider({
    ...options,
    clients: clientsOf(config.SERVICE_CLIENT_SECRETS, config.OIDC_CLIENTS),
    servesPrograms: true,
  });
  const http = await startHttpServer({
    host: config.HOST,
    port: config.HTTP_PORT,
    connectionLimits: connectionLimitsOf(config, serviceConnections),
    ...{ issuer, keys, provider, insideProvider, log, security, tls, shutdown },
    signInForm: signInForm({
      ...{ provider, pool, signIn, issuer, devices, factors, security },
      ...{ registration, passwords, emailChange, minPasswordLength },
      csrfKeys: deriveKeys(secrets, "csrf"),
    }),
    emailPages: emailPages({ emailChange, security, waiting: waitingSignIn(provider) }),
    passwordPages: passwordPages({
      ...{ issuer, passwordChange, security, waiting: waitingSignIn(provider) },
    }),
    userinfo: userinfo({ keys, pool, issuer, revocations, security }),
    revocations: (cursor) => readRevocations(pool, cursor),
  });
  log.info({ host: config.HOST, port: http.port, issuer }, "serves OpenID Connect");
  return http;
}

/** Returns how long sessions live; those of staff never longer than those of customers. */
function sessionTimes(config: Config): SessionTimesByRole {
  const customer = { idleMs: config.SESSION_IDLE_MS, maxMs: config.SESSION_MAX_MS };
  const staff = {
    idleMs: Math.min(config.OPERATOR_SESSION_IDLE_MS, customer.idleMs),
    maxMs: Math.min(config.OPERATOR_SESSION_MAX_MS, customer.maxMs),
  };
  return { customer, staff };
}

/** The secret that encrypts and signs, followed by those that are valid besides it while it is changed. */
function encryptionSecrets(config: Config): Secrets {
  return [config.KEY_ENCRYPTION_SECRET, ...config.KEY_ENCRYPTION_SECRETS_BEFORE];
}
