import { createHash, timingSafeEqual } from "node:crypto";
import type { ClientMetadata } from "oidc-provider";
import type { OidcClient } from "../config-json.ts";

/** Converts the configured services and applications to clients of oidc-provider. */
export function clientMetadata(
  services: ReadonlyMap<string, string>,
  applications: readonly OidcClient[],
): ClientMetadata[] {
  return [
    ...[...services].map(
      ([name, secret]): ClientMetadata => ({
        client_id: name,
        client_secret: secret,
        grant_types: ["client_credentials"],
        response_types: [],
        redirect_uris: [],
        token_endpoint_auth_method: "client_secret_basic",
      }),
    ),
    ...applications.map(
      ({ client_id, client_secret, client_name, ...uris }): ClientMetadata => ({
        client_id,
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        // Without a secret it is a public client, which PKCE protects.
        token_endpoint_auth_method: client_secret === undefined ? "none" : "client_secret_basic",
        ...(client_secret === undefined ? {} : { client_secret }),
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
