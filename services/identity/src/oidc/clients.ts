import { createHash, timingSafeEqual } from "node:crypto";
import type { ClientMetadata } from "oidc-provider";
import type { OidcClient } from "../config-json.ts";

/** The clients of oidc-provider, and the valid secrets of each by its id. */
export type Clients = {
  readonly metadata: readonly ClientMetadata[];
  readonly secrets: ReadonlyMap<string, readonly string[]>;
};

/** Converts the configured services and applications to clients of oidc-provider. */
export function clientsOf(
  services: ReadonlyMap<string, readonly string[]>,
  applications: readonly OidcClient[],
): Clients {
  const secrets = new Map(services);
  for (const { client_id, client_secret = [] } of applications) {
    secrets.set(client_id, typeof client_secret === "string" ? [client_secret] : client_secret);
  }
  return { metadata: metadataOf(services, applications), secrets };
}

/**
 * Returns true if the secret is one of the client's. All are compared, in constant time, so the answer takes the same time
 * whichever it is.
 */
export function isOneOf(secrets: readonly string[], given: string): boolean {
  return secrets.filter((secret) => isSame(secret, given)).length > 0;
}

function metadataOf(
  services: ReadonlyMap<string, readonly string[]>,
  applications: readonly OidcClient[],
): ClientMetadata[] {
  return [
    ...[...services].map(
      ([name, [secret = ""]]): ClientMetadata => ({
        client_id: name,
        client_secret: secret,
        grant_types: ["client_credentials"],
        response_types: [],
        redirect_uris: [],
        token_endpoint_auth_method: "client_secret_basic",
      }),
    ),
    ...applications.map(
      ({ client_id, client_secret, client_name, scopes, ...uris }): ClientMetadata => ({
        client_id,
        // A request for others is refused with invalid_scope.
        scope: scopes.join(" "),
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        // Without a secret it is a public client, which PKCE protects.
        token_endpoint_auth_method: client_secret === undefined ? "none" : "client_secret_basic",
        // oidc-provider knows one secret per client; isOneOf compares.
        ...(client_secret === undefined ? {} : { client_secret: [client_secret].flat()[0] ?? "" }),
        ...(client_name === undefined ? {} : { client_name }),
        redirect_uris: [...uris.redirect_uris],
        post_logout_redirect_uris: [...(uris.post_logout_redirect_uris ?? [])],
      }),
    ),
  ];
}

/** Compares two texts in constant time. */
export function isSame(one: string, other: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(one), hash(other));
}
