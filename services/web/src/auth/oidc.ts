import { Code, ConnectError } from "@connectrpc/connect";
import * as oauth from "oauth4webapi";
import type { SiteConfig } from "../site-config.ts";
import { returnPath } from "./return-path.ts";
import type { SignInOptions, User } from "./user.ts";

export type Tokens = {
  readonly accessToken: string;
  readonly expiresAtMs: number;
  readonly refreshToken: string | undefined;
  readonly idToken: string | undefined;
  readonly user: User;
};

/** OpenID Connect by the authorization code flow with PKCE, as a public client. */
export type Oidc = {
  leaveToSignIn(returnTo: string, options?: SignInOptions): Promise<void>;
  finish(url: URL): Promise<{ tokens: Tokens; returnTo: string }>;
  /** Signs in without a page, if the issuer's cookie allows it; undefined if not. Throws if the issuer cannot say. */
  silentSignIn(): Promise<Tokens | undefined>;
  /** Returns new tokens for the same person; undefined if the session is over. */
  refresh(former: Tokens): Promise<Tokens | undefined>;
  leaveToSignOut(tokens: { idToken: string | undefined; refreshToken: string | undefined }): Promise<void>;
};

/** A sign-in that is under way, for the tab that began it. */
type Pending = { readonly verifier: string; readonly state: string; readonly nonce: string; readonly returnTo: string };

const pendingKey = "sagacart.sign-in";
/** Pages wait for the issuer at their start, so that one which does not answer counts as away soon. */
const timeoutMs = 10_000;
const timeLimit = () => AbortSignal.timeout(timeoutMs);
const wantedScopes = ["openid", "profile", "email", "roles", "account"];

export function createOidc({ issuer, clientId }: SiteConfig): Oidc {
  const client: oauth.Client = { client_id: clientId };
  const redirectUri = `${location.origin}${returnPath}`;
  let found: Promise<oauth.AuthorizationServer> | undefined;

  const server = () => {
    found ??= discover(issuer).catch((error: unknown) => {
      found = undefined;
      throw error;
    });
    return found;
  };
  const options = { [oauth.allowInsecureRequests]: issuer?.startsWith("http:") === true, signal: timeLimit };

  const begin = async (returnTo: string, extra: Record<string, string>) => {
    const { authorization_endpoint: endpoint, scopes_supported: known } = await server();
    if (endpoint === undefined) {
      throw new Error("the issuer has no authorization endpoint");
    }
    const pending: Pending = {
      verifier: oauth.generateRandomCodeVerifier(),
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      returnTo,
    };
    const url = new URL(endpoint);
    url.search = new URLSearchParams({
      client_id: clientId,
      redirect_uri: redirectUri,
      response_type: "code",
      scope: wantedScopes.filter((scope) => known === undefined || known.includes(scope)).join(" "),
      code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: "S256",
      state: pending.state,
      nonce: pending.nonce,
      ui_locales: document.documentElement.lang,
      ...extra,
    }).toString();
    return { pending, url };
  };

  const exchange = async (url: URL, { verifier, state, nonce }: Pending): Promise<Tokens> => {
    const as = await server();
    const parameters = oauth.validateAuthResponse(as, client, url, state);
    const answer = await oauth.authorizationCodeGrantRequest(
      as,
      client,
      oauth.None(),
      parameters,
      redirectUri,
      verifier,
      options,
    );
    const result = await oauth.processAuthorizationCodeResponse(as, client, answer, {
      expectedNonce: nonce,
      requireIdToken: true,
    });
    return tokensOf(result);
  };

  return {
    async leaveToSignIn(returnTo, asked = {}) {
      if (!isSecureContext) {
        throw new Error("Browsers have what a sign-in needs only by HTTPS, and on localhost: open this shop there.");
      }
      const { pending, url } = await begin(returnTo, promptOf(asked, await server()));
      sessionStorage.setItem(pendingKey, JSON.stringify(pending));
      location.assign(url);
      await new Promise(() => {});
    },
    async finish(url) {
      const text = sessionStorage.getItem(pendingKey);
      sessionStorage.removeItem(pendingKey);
      if (text === null) {
        throw new Error("this sign-in was not begun in this tab");
      }
      const pending: Pending = JSON.parse(text);
      return { tokens: await exchange(url, pending), returnTo: pending.returnTo };
    },
    async silentSignIn() {
      const { pending, url } = await begin("", { prompt: "none" });
      if (url.origin !== location.origin) {
        // Another site's cookie is not sent, and its answer cannot be read.
        return undefined;
      }
      // The redirects lead back to this origin, so the last address, with the code in it, can be read.
      const answer = await fetch(url, { credentials: "same-origin", signal: timeLimit() });
      const end = new URL(answer.url);
      if (!isAnswer(answer) || troubles.has(end.searchParams.get("error") ?? "")) {
        throw away();
      }
      if (end.pathname !== returnPath || end.searchParams.has("error")) {
        return undefined;
      }
      return await exchange(end, pending);
    },
    async refresh(former) {
      if (former.refreshToken === undefined) {
        return undefined;
      }
      const as = await server();
      const answer = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), former.refreshToken, options);
      if (!isAnswer(answer)) {
        throw away();
      }
      try {
        return refreshedTokens(former, tokensOf(await oauth.processRefreshTokenResponse(as, client, answer)));
      } catch (error) {
        if (error instanceof oauth.ResponseBodyError && error.error === "invalid_grant") {
          return undefined;
        }
        throw error;
      }
    },
    async leaveToSignOut({ idToken, refreshToken }) {
      const as = await server();
      if (refreshToken !== undefined && as.revocation_endpoint !== undefined) {
        await oauth.revocationRequest(as, client, oauth.None(), refreshToken, options).catch(() => undefined);
      }
      if (as.end_session_endpoint === undefined) {
        return;
      }
      const url = new URL(as.end_session_endpoint);
      url.searchParams.set("client_id", clientId);
      url.searchParams.set("post_logout_redirect_uri", `${location.origin}/`);
      if (idToken !== undefined) {
        url.searchParams.set("id_token_hint", idToken);
      }
      location.assign(url);
      await new Promise(() => {});
    },
  };
}

/** Returns the page of the issuer to ask for; none for its own choice. Few issuers know how to begin with a registration. */
function promptOf(
  { fresh = false, register = false }: SignInOptions,
  { prompt_values_supported: known }: oauth.AuthorizationServer,
): { prompt?: string } {
  if (register && Array.isArray(known) && known.includes("create")) {
    return { prompt: "create" };
  }
  return fresh ? { prompt: "login" } : {};
}

async function discover(issuer: string | undefined): Promise<oauth.AuthorizationServer> {
  if (issuer === undefined) {
    throw new Error("this shop has no issuer to sign in at");
  }
  const url = new URL(issuer);
  const answer = await oauth.discoveryRequest(url, {
    [oauth.allowInsecureRequests]: url.protocol === "http:",
    signal: timeLimit,
  });
  if (!isAnswer(answer)) {
    throw away();
  }
  return await oauth.processDiscoveryResponse(url, answer);
}

/** Errors by which an issuer says that it cannot answer now, and nothing about who is signed in. */
const troubles: ReadonlySet<string> = new Set(["server_error", "temporarily_unavailable"]);

/** Returns false for an outage: of the issuer, or as a gateway before it reports it. */
function isAnswer({ status }: Response): boolean {
  return status < 500 && status !== 429;
}

function away(): ConnectError {
  return new ConnectError("the issuer cannot answer at the moment", Code.Unavailable);
}

/** Adds what an issuer may leave out of its answer to a refresh token, which is always for the same person. */
export function refreshedTokens(former: Tokens, { refreshToken, idToken, user, ...rest }: Tokens): Tokens {
  return {
    ...rest,
    refreshToken: refreshToken ?? former.refreshToken,
    idToken: idToken ?? former.idToken,
    user: idToken === undefined ? former.user : user,
  };
}

/** Reads who signed in. The access token's claims only decide which links are shown: the services check them. */
function tokensOf(result: oauth.TokenEndpointResponse): Tokens {
  const claims: Record<string, unknown> = {
    ...claimsOf(result.access_token),
    ...oauth.getValidatedIdTokenClaims(result),
  };
  const { sub, username = claims.preferred_username, email, roles } = claims;
  const id = typeof sub === "string" ? sub : "";
  return {
    accessToken: result.access_token,
    expiresAtMs: Date.now() + (result.expires_in ?? 60) * 1_000,
    refreshToken: result.refresh_token,
    idToken: result.id_token,
    user: {
      id,
      name: typeof username === "string" ? username : id,
      ...(typeof email === "string" ? { email } : {}),
      roles: Array.isArray(roles) ? roles.filter((role) => typeof role === "string") : [],
    },
  };
}

/** Returns the claims of a JWT; none if the token is not one. */
function claimsOf(token: string): Record<string, unknown> {
  const [, payload = ""] = token.split(".");
  try {
    const bytes = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0))));
  } catch {
    return {};
  }
}
