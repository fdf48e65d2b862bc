import {
  durationMs,
  type Env,
  int,
  list,
  optional,
  port,
  readEnv,
  secret,
  serviceEnv,
  text,
  url,
} from "@sagacart/chassis/process/config";
import { oidcClients, seedUsers, serviceClients } from "./config-json.ts";

/** The variables of identity. Any of them may be in a file that <NAME>_FILE names. */
export function readConfig(env: Env) {
  return readEnv(
    {
      ...serviceEnv(8086),
      /** OpenID Connect, over HTTP/1.1. */
      HTTP_PORT: port(8096),
      /** Who signs the tokens: the address that browsers reach the gateway by, without a path. */
      ISSUER_URL: issuer,
      /** What the signing keys are encrypted with in the database, and cookies signed. At least 32 characters. */
      KEY_ENCRYPTION_SECRET: secret({ minLength: 32 }),
      /** Those of before, while keys of theirs are still in use. */
      KEY_ENCRYPTION_SECRETS_BEFORE: list({ default: [] }),
      /** How long a key signs. */
      SIGNING_KEY_MS: int({ min: 1_000, max: 31_536_000_000, default: 2_592_000_000 }),
      /** How long a key is published before it signs: longer than verifiers keep a JWKS. */
      SIGNING_KEY_LEAD_MS: durationMs(3_600_000),
      ACCESS_TOKEN_MS: int({ min: 1_000, max: 3_600_000, default: 900_000 }),
      SERVICE_TOKEN_MS: int({ min: 1_000, max: 86_400_000, default: 3_600_000 }),
      /** How long a session lives when nobody refreshes it, and at most. */
      SESSION_IDLE_MS: int({ min: 1_000, max: 31_536_000_000, default: 2_592_000_000 }),
      SESSION_MAX_MS: int({ min: 1_000, max: 31_536_000_000, default: 15_552_000_000 }),
      /** How long a refresh token that comes again is taken for a repeat and not for a theft. */
      REFRESH_REPEAT_MS: durationMs(10_000),
      PASSWORD_MIN_LENGTH: int({ min: 6, max: 128, default: 6 }),
      /** How many passwords are hashed at the same time; each takes 19 MiB and a core. */
      PASSWORD_HASHES_AT_ONCE: int({ min: 1, max: 64, default: 2 }),
      /** How many wrong passwords a name has before it has to wait; the pause doubles with each, up to the longest. */
      SIGN_IN_FREE_ATTEMPTS: int({ min: 2, max: 1000, default: 5 }),
      /** The same for an address, behind which many people may be. */
      SIGN_IN_FREE_ATTEMPTS_PER_ADDRESS: int({ min: 2, max: 100_000, default: 100 }),
      SIGN_IN_LONGEST_PAUSE_MS: durationMs(300_000),
      RESET_TOKEN_MS: durationMs(1_800_000),
      /** The page for a new password; the token is added to it. Without one, the mail has the token alone. */
      RESET_URL: optional(url({ protocols: ["http:", "https:"] })),
      /** The server that mail goes out by, as in smtp://user:password@host:587. */
      SMTP_URL: url({ protocols: ["smtp:", "smtps:"] }),
      MAIL_FROM: text({ default: "Sagacart <accounts@sagacart.example>" }),
      /** The shop's own programs and their secrets: `{"order":"…","gateway":"…"}`. */
      SERVICE_CLIENT_SECRETS: serviceClients,
      /** Applications that sign people in: `[{"client_id":"web","redirect_uris":["https://…"]}]`. */
      OIDC_CLIENTS: oidcClients,
      /** Users to make where they are missing: `[{"id":"alice","username":"alice","email":…,"password":…,"roles":[…]}]`. */
      SEED_USERS: seedUsers,
    },
    env,
  );
}

export type Config = ReturnType<typeof readConfig>;

const anyIssuer = url({ protocols: ["http:", "https:"], default: "http://localhost:8080" });

function issuer(value: string | undefined, env: Env): string {
  const { origin, pathname, search, hash } = new URL(anyIssuer(value, env));
  if (pathname !== "/" || search !== "" || hash !== "") {
    throw new Error("must be an origin, as https://shop.example, without a path");
  }
  return origin;
}
