import {
  ConfigError,
  durationMs,
  type Env,
  flag,
  int,
  list,
  oneOf,
  optional,
  origins,
  port,
  readEnv,
  secret,
  secrets,
  serviceEnv,
  text,
  url,
} from "@sagacart/chassis/process/config";
import { oidcClients, seedUsers, serviceClients } from "./config-json.ts";

/** Reads the configuration of identity from the environment. */
export function readConfig(env: Env) {
  const config = readEnv(
    {
      ...serviceEnv(8086),
      /** The port of OpenID Connect, over HTTP/1.1. */
      HTTP_PORT: port(8096),
      /** The issuer of tokens: the origin at which browsers reach the gateway. */
      ISSUER_URL: issuer,
      /** Encrypts the signing keys and the secrets of authenticator apps in the database, and signs cookies and sign-in forms. At least 32 characters. */
      KEY_ENCRYPTION_SECRET: secret({ minLength: 32 }),
      /** Other valid secrets, with commas: the next one before it is used, former ones while their keys are in use (two rotations of the signing key). */
      KEY_ENCRYPTION_SECRETS_BEFORE: secretsBefore,
      /** How long a key signs tokens. */
      SIGNING_KEY_MS: int({ min: 1_000, max: 31_536_000_000, default: 2_592_000_000 }),
      /** How long a key is published before it signs: longer than verifiers cache a JWKS. */
      SIGNING_KEY_LEAD_MS: durationMs(3_600_000),
      /** Lifetime of a user's access token. */
      ACCESS_TOKEN_MS: int({ min: 1_000, max: 3_600_000, default: 900_000 }),
      /** Lifetime of a service's access token. */
      SERVICE_TOKEN_MS: int({ min: 1_000, max: 86_400_000, default: 3_600_000 }),
      /** How long a session lives without a refresh. */
      SESSION_IDLE_MS: int({ min: 1_000, max: 31_536_000_000, default: 2_592_000_000 }),
      /** How long a session lives at most. */
      SESSION_MAX_MS: int({ min: 1_000, max: 31_536_000_000, default: 15_552_000_000 }),
      /** How long a session of support and operators lives without a refresh, if that is shorter. */
      OPERATOR_SESSION_IDLE_MS: int({ min: 1_000, max: 31_536_000_000, default: 3_600_000 }),
      /** How long a session of support and operators lives at most, if that is shorter. */
      OPERATOR_SESSION_MAX_MS: int({ min: 1_000, max: 31_536_000_000, default: 86_400_000 }),
      /** Sessions that a user may have at a time, and as many of applications. One more ends the one that was used longest ago. */
      SESSIONS_PER_USER: int({ min: 1, max: 100_000, default: 20 }),
      /** How long a reused refresh token counts as a retry and not as a theft. 0: every reuse is a theft. */
      REFRESH_REPEAT_MS: durationMs(10_000),
      /** Characters in a new password at least. Users of the Flask services' REST may have 6. */
      PASSWORD_MIN_LENGTH: int({ min: 8, max: 64, default: 8 }),
      /** Characters in a new password of operators and support at least. */
      OPERATOR_PASSWORD_MIN_LENGTH: int({ min: 8, max: 64, default: 12 }),
      /** Words of the shop that may not be most of a password, besides its name, the labels of its host name and its roles: the names of brands, products and places. */
      PASSWORD_WORDS: list({ default: [], pattern: /^[^\s].{2,}$/u }),
      /** The range API of Have I Been Pwned, or a mirror of it, to refuse passwords known from breaches: `https://api.pwnedpasswords.com/range/`. It gets five digits of a hash. Without it, only the list of common passwords is used. */
      PASSWORD_BREACH_URL: optional(url({ protocols: ["http:", "https:"] })),
      /** How long the range API may take. Then the password is accepted. */
      PASSWORD_BREACH_TIMEOUT_MS: int({ min: 1, max: 60_000, default: 2_000 }),
      /** Passwords hashed at the same time, each with 19 MiB and a core. More than four need a larger UV_THREADPOOL_SIZE. */
      PASSWORD_HASHES_AT_ONCE: int({ min: 1, max: 64, default: 2 }),
      /** Wrong passwords for a user name before pauses begin; the pause doubles with each, up to the longest. */
      SIGN_IN_FREE_ATTEMPTS: int({ min: 2, max: 1000, default: 5 }),
      /** Wrong passwords from one network before pauses begin; many people may share it. */
      SIGN_IN_FREE_ATTEMPTS_PER_ADDRESS: int({ min: 2, max: 100_000, default: 100 }),
      /** Registrations from one network within an hour before pauses begin; many people may share it. */
      REGISTRATIONS_FREE_PER_ADDRESS: int({ min: 1, max: 1_000_000, default: 50 }),
      /** The longest pause after wrong passwords. */
      SIGN_IN_LONGEST_PAUSE_MS: durationMs(300_000),
      /** How long a sign-in waits for its second factor. */
      SECOND_FACTOR_WAIT_MS: int({ min: 10_000, max: 3_600_000, default: 300_000 }),
      /** The domain that passkeys are of: that of ISSUER_URL, or one above it. Another one makes those that are enrolled useless. Default: the host of ISSUER_URL. */
      PASSKEY_RP_ID: optional(text({ pattern: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/ })),
      /** The origins of the pages that may use passkeys, with commas, of that domain or below it. Default: ISSUER_URL. */
      PASSKEY_ORIGINS: optional(origins({ protocols: ["http:", "https:"] })),
      /** Lifetime of a token for a new password. */
      RESET_TOKEN_MS: durationMs(1_800_000),
      /** URL of the page for a new password, to which the token is appended. Default: identity's own page. */
      RESET_URL: optional(url({ protocols: ["http:", "https:"] })),
      /** Lifetime of the link that confirms an e-mail address. */
      EMAIL_TOKEN_MS: durationMs(86_400_000),
      /** How long the owner of a former e-mail address can undo its change. */
      EMAIL_UNDO_MS: int({ min: 0, max: 2_592_000_000, default: 604_800_000 }),
      /** URL of the page that confirms an e-mail address, to which the token is appended. Default: identity's own page. */
      EMAIL_CONFIRM_URL: optional(url({ protocols: ["http:", "https:"] })),
      /** URL of the page that undoes a change, to which the token is appended. Default: identity's own page. */
      EMAIL_UNDO_URL: optional(url({ protocols: ["http:", "https:"] })),
      /** The rights of a user with an unverified e-mail address: `sign_in`, or `nothing` until the address is confirmed. */
      UNVERIFIED_USERS_MAY: oneOf(["sign_in", "nothing"], "sign_in"),
      /** The SMTP server for outgoing mail, for example smtp://user:password@host:587. STARTTLS is required, unless it says ?requireTLS=false. */
      SMTP_URL: url({ protocols: ["smtp:", "smtps:"] }),
      /** The sender of mails. */
      MAIL_FROM: text({ default: "Sagacart <accounts@sagacart.example>" }),
      /** The secrets of the shop's services: `{"order":"…","gateway":"…"}`. A list of two while one is changed: `{"order":["…","…"]}`. */
      SERVICE_CLIENT_SECRETS: serviceClients,
      /** Applications that sign users in: `[{"client_id":"web","redirect_uris":["https://…"],"scopes":["openid","email"]}]`, with `client_secret` if confidential. `scopes` are what it may ask for, of openid, profile, email, phone, roles, account, offline_access; without it, all but phone, roles and account. */
      OIDC_CLIENTS: oidcClients,
      /** Users to create once: `[{"id":"alice","username":"alice","email":…,"password":…,"roles":[…]}]`, with `totp_secret` (base32) if they shall sign in with a second factor. */
      SEED_USERS: seedUsers,
      /** Allow weak passwords of seeded users: for trying the shop out. */
      SEED_WEAK_PASSWORDS: flag(false),
    },
    env,
  );
  const { PASSKEY_RP_ID: id = new URL(config.ISSUER_URL).hostname, PASSKEY_ORIGINS: ofPasskeys = [config.ISSUER_URL] } =
    config;
  const others = ofPasskeys.filter((origin) => !`.${new URL(origin).hostname}`.endsWith(`.${id}`));
  if (others.length > 0) {
    throw new ConfigError([`PASSKEY_ORIGINS has ${others.join(", ")}, not of the domain of PASSKEY_RP_ID, ${id}`]);
  }
  return { ...config, passkeys: { id, origins: ofPasskeys } };
}

export type Config = ReturnType<typeof readConfig>;

const anyIssuer = url({ protocols: ["http:", "https:"], default: "http://localhost:8080" });

function secretsBefore(value: string | undefined, env: Env): readonly string[] {
  return value === undefined ? [] : secrets({ minLength: 32 })(value, env);
}

function issuer(value: string | undefined, env: Env): string {
  const { origin, pathname, search, hash } = new URL(anyIssuer(value, env));
  if (pathname !== "/" || search !== "" || hash !== "") {
    throw new Error("must be an origin without a path, for example https://shop.example");
  }
  return origin;
}
