import { audience } from "./sessions/tokens.ts";
import { type Role, roles } from "./users/user.ts";

/** An application that signs people in by OpenID Connect. Without a secret it is public: a page or a phone's. */
export type OidcClient = {
  readonly client_id: string;
  readonly client_secret?: string;
  readonly client_name?: string;
  readonly redirect_uris: readonly string[];
  readonly post_logout_redirect_uris?: readonly string[];
};

/** A user that is made at the start, where there is none of that name. */
export type SeedUser = {
  readonly id?: string;
  readonly username: string;
  readonly email: string;
  readonly password: string;
  readonly roles: readonly Role[];
};

/** `{"order":"…"}`: the secret of each service, by its name. None where the variable is absent. */
export function serviceClients(value: string | undefined): ReadonlyMap<string, string> {
  const given = parse(value, {});
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new Error("must be a JSON object of names and secrets");
  }
  return new Map(
    Object.entries(given).map(([name, secret]) => {
      if (!/^[a-z][a-z0-9-]{0,40}$/.test(name) || typeof secret !== "string" || secret.length < 16) {
        throw new Error(`has a client ${JSON.stringify(name)} that is no name with a secret of at least 16 characters`);
      }
      return [name, secret];
    }),
  );
}

/** A list of applications. None where the variable is absent. */
export function oidcClients(value: string | undefined): readonly OidcClient[] {
  return listOf(value, (item) => {
    const { client_id, client_secret, client_name, redirect_uris, post_logout_redirect_uris } = item;
    if (!isText(client_id) || !isTexts(redirect_uris) || redirect_uris.length === 0) {
      return undefined;
    }
    if (client_id === audience) {
      // An ID token is for its application: of one with this name, it would be as good as an access token.
      return undefined;
    }
    if ([client_secret, client_name].some((text) => text !== undefined && !isText(text))) {
      return undefined;
    }
    return {
      client_id,
      redirect_uris,
      ...(isText(client_secret) ? { client_secret } : {}),
      ...(isText(client_name) ? { client_name } : {}),
      ...(isTexts(post_logout_redirect_uris) ? { post_logout_redirect_uris } : {}),
    };
  });
}

/** A list of users. None where the variable is absent. */
export function seedUsers(value: string | undefined): readonly SeedUser[] {
  return listOf(value, ({ id, username, email, password, roles = ["customer"] }) => {
    if (!isText(username) || !isText(email) || !isText(password) || !isRoles(roles)) {
      return undefined;
    }
    return { username, email, password, roles, ...(isText(id) ? { id } : {}) };
  });
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

// What it was is never shown: there are secrets in it.
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
