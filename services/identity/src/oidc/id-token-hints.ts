import { compactVerify, decodeProtectedHeader, errors, importJWK } from "jose";
import type { Provider } from "oidc-provider";
import type { Keys } from "../keys/keys.ts";

/**
 * Has oidc-provider accept an `id_token_hint` that a replaced key has signed, for as long as that key is kept. The provider knows
 * the keys that sign, and would end a sign-out on an error page until the application has refreshed its tokens. Whoever has a key
 * that leaked gains nothing by a hint: it says which application and person a request is about, as `client_id` and `login_hint`
 * do, and signs nobody in.
 */
export function acceptHintsOfReplacedKeys(
  { IdToken }: Provider,
  { keys, issuer }: { keys: Keys; issuer: string },
): void {
  const validate = IdToken.validate.bind(IdToken);
  IdToken.validate = async (idToken, client) => {
    try {
      return await validate(idToken, client);
    } catch (error) {
      const hint = await hintOfReplacedKey(idToken, keys);
      if (hint?.payload.iss !== issuer || hint.payload.aud !== client.clientId) {
        throw error;
      }
      return hint;
    }
  };
}

type Hint = { readonly header: Record<string, unknown>; readonly payload: Record<string, unknown> };

/** Returns undefined if no replaced key has signed it. Like the provider, it takes hints that have expired. */
async function hintOfReplacedKey(idToken: string, keys: Keys): Promise<Hint | undefined> {
  try {
    const { kid } = decodeProtectedHeader(idToken);
    const key = keys.replaced().find(({ id }) => id === kid);
    if (key === undefined) {
      return undefined;
    }
    const algorithms = ["ES256"];
    const { payload, protectedHeader } = await compactVerify(idToken, await importJWK(key.publicJwk), { algorithms });
    // Signed by us, so it is a JSON object.
    return { header: { ...protectedHeader }, payload: JSON.parse(new TextDecoder().decode(payload)) };
  } catch (error) {
    if (error instanceof TypeError || error instanceof errors.JOSEError) {
      return undefined;
    }
    throw error;
  }
}
