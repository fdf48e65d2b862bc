import { parseTotpSecret } from "./factors/totp.ts";
import { defaultScopes, knownScopes } from "./oidc/scopes.ts";
import { audience } from "./sessions/tokens.ts";
import { type Role, roles } from "./users/user.ts";

/** An application that signs users in by OpenID Connect. Without a secret it is a public client, for example a web page. */
export type OidcClient = {
  readonly client_id: string;
  /** Its secret, or two while it is being changed. */
  readonly client_secret?: string | readonly string[];
  readonly client_name?: string;
  /** The scopes that it may ask for; `openid` is always one of them. */
  readonly scopes: readonly string[];
  readonly redirect_uris: readonly string[];
  readonly post_logout_redirect_uris?: readonly string[];
};

/** A user to create at the first start. */
export type SeedUser = {
  readonly id?: string;
  readonly username: string;
  readonly email: string;
  readonly password: string;
  readonly roles: readonly Role[];
  /** The secret of a second factor, for a program that signs in as this user where one is required. */
  readonly totpSecret?: Uint8Array;
};

/** The most secrets of one client that are valid at a time: while a secret is changed, the new one and the one before. */
const mostSecrets = 2;

/**
 * Parses `{"order":"…","gateway":["…","…"]}`: the secrets of each service by its name. Empty if the variable is not set.
 */
export function serviceClients(value: string | undefined): ReadonlyMap<string, readonly string[]> {
  const given = parse(value, {});
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new Error("must be a JSON object of names and secrets");
  }
  return new Map(
    Object.entries(given).map(([name, secret]) => {
      const secrets = secretsOf(secret);
      if (!/^[a-z][a-z0-9-]{0,40}$/.test(name) || secrets === undefined || secrets.some(({ length }) => length < 16)) {
        throw new Error(
          `has an invalid client ${JSON.stringify(name)}: it needs a lower-case name and a secret of at least 16 characters, or a list of two while its secret is changed`,
        );
      }
      return [name, secrets];
    }),
  );
}

/** Parses a list of applications. Empty if the variable is not set. */
export function oidcClients(value: string | undefined): readonly OidcClient[] {
  return listOf(value, (item) => {
    const { client_id, client_secret, client_name, scopes, redirect_uris, post_logout_redirect_uris } = item;
    if (!isText(client_id) || !isTexts(redirect_uris) || redirect_uris.length === 0) {
      return undefined;
    }
    if (client_id === audience) {
      // The audience of an ID token is its application: with this name it would pass for an access token.
      return undefined;
    }
    const secrets = client_secret === undefined ? [] : secretsOf(client_secret);
    if (secrets === undefined || (client_name !== undefined && !isText(client_name))) {
      return undefined;
    }
    return {
      client_id,
      scopes: scopesOf(client_id, scopes),
      redirect_uris,
      ...(secrets.length > 0 ? { client_secret: secrets } : {}),
      ...(isText(client_name) ? { client_name } : {}),
      ...(isTexts(post_logout_redirect_uris) ? { post_logout_redirect_uris } : {}),
    };
  });
}

/** Returns the scopes that an application may ask for. */
function scopesOf(clientId: string, given: unknown): readonly string[] {
  if (given === undefined) {
    return defaultScopes;
  }
  if (!isTexts(given)) {
    throw new Error(`has no list of texts in scopes of the application ${clientId}`);
  }
  const unknown = given.find((scope) => !knownScopes.includes(scope));
  if (unknown !== undefined) {
    const known = knownScopes.join(", ");
    throw new Error(`has an unknown scope ${JSON.stringify(unknown)} of the application ${clientId}; known: ${known}`);
  }
  return [...new Set(["openid", ...given])];
}

/** Parses a list of users. Empty if the variable is not set. */
export function seedUsers(value: string | undefined): readonly SeedUser[] {
  return listOf(value, ({ id, username, email, password, roles = ["customer"], totp_secret }) => {
    if (!isText(username) || !isText(email) || !isText(password) || !isRoles(roles)) {
      return undefined;
    }
    const totpSecret = isText(totp_secret) ? parseTotpSecret(totp_secret) : undefined;
    if (totp_secret !== undefined && totpSecret === undefined) {
      return undefined;
    }
    return {
      ...{ username, email, password, roles },
      ...(isText(id) ? { id } : {}),
      ...(totpSecret === undefined ? {} : { totpSecret }),
    };
  });
}

/** Returns the secrets of a client: one, or a list of one or two. Undefined for anything else. */
function secretsOf(value: unknown): readonly string[] | undefined {
  const secrets = Array.isArray(value) ? value : [value];
  return isTexts(secrets) && secrets.length > 0 && secrets.length <= mostSecrets ? secrets : undefined;
}

function listOf<T>(value: string | undefined, read: (item: Record<string, unknown>) => T | undefined): readonly T[] {
  const given = parse(value, []);
  if (!Array.isArray(given)) {
    throw new Error("must be a JSON list");
  }
  return given.map((item, index) => {
    const made = typeof item === "object" && item !== null ? read(item) : undefined;
    if (made === undefined) {
      throw new Error(`has an invalid item: number ${index + 1}`);
    }
    return made;
  });
}

// Errors never show the value: it holds secrets.
function parse(value: string | undefined, fallback: unknown): unknown {
  try {
    return value === undefined ? fallback : JSON.parse(value);
  } catch {
    throw new Error("must be JSON");
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

function isRoles(value: unknown): value is Role[] {
  return isTexts(value) && value.length > 0 && value.every((role) => roles.some((known) => known === role));
}
