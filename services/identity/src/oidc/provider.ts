import { createHash } from "node:crypto";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { logFailure } from "@sagacart/chassis/process/failure-log";
import type { Log } from "@sagacart/chassis/process/log";
import type { JWK } from "jose";
import { type Account, type Configuration, type KoaContextWithOIDC, Provider } from "oidc-provider";
import type { Keys, SigningKey } from "../keys/keys.ts";
import type { SessionTimesByRole } from "../sessions/session-times.ts";
import { audience } from "../sessions/tokens.ts";
import { findUser } from "../users/user-store.ts";
import { type Clients, isOneOf } from "./clients.ts";
import { createAdapter, endOldestGrants, grantSessionId } from "./entry-store.ts";
import { acceptHintsOfReplacedKeys } from "./id-token-hints.ts";
import { interactionsOf } from "./interactions.ts";
import { type Language, languageOf } from "./language.ts";
import { pathOf } from "./open-interaction.ts";
import { errorPage, signedOutPage, signOutPage } from "./pages.ts";
import { recordProviderEvents } from "./provider-events.ts";
import { applicationClaims, claimsOfScopes, scopesOf } from "./scopes.ts";
import { sessionLives } from "./session-lives.ts";
import { signInCookies } from "./sign-in-cookies.ts";

export type ProviderOptions = {
  readonly issuer: string;
  readonly pool: Pool;
  readonly log: Log;
  readonly keys: Keys;
  readonly clients: Clients;
  /** Serves the client credentials grant, by which programs of the shop get their tokens. Not for callers from outside. */
  readonly servesPrograms: boolean;
  /** The first one signs cookies; all of them verify. */
  readonly cookieKeys: readonly string[];
  readonly accessTokenMs: number;
  readonly serviceTokenMs: number;
  readonly sessionTimes: SessionTimesByRole;
  /** The most sign-ins of one user to applications at a time. */
  readonly mostSessionsPerUser: number;
  readonly security?: SecurityLog | undefined;
};

/**
 * Returns oidc-provider with the current keys. It takes its keys at construction, so a new one is made whenever they
 * change. All its state is in the database, and pending requests finish with the old one.
 */
export function currentProvider(options: ProviderOptions): () => Provider {
  let made: { kids: string; provider: Provider } | undefined;
  return () => {
    const keys = options.keys.regular();
    const kids = keys.map(({ id }) => id).join(" ");
    if (made?.kids !== kids) {
      made = { kids, provider: createProvider(options, keys) };
    }
    return made.provider;
  };
}

/** The shop's API as an OAuth resource (RFC 8707). Every token is for it. */
const resource = "urn:sagacart:api";

function createProvider(options: ProviderOptions, keys: readonly SigningKey[]): Provider {
  const provider = new Provider(options.issuer, configuration(options, keys));
  // Trust the forwarded host and protocol: the HTTP server sets them to the issuer's on every request.
  provider.proxy = true;
  // It knows one secret per client. While a secret is changed, the one before is valid too.
  provider.Client.prototype.compareClientSecret = function (this: { clientId: string }, given: string) {
    return isOneOf(options.clients.secrets.get(this.clientId) ?? [], given);
  };
  acceptHintsOfReplacedKeys(provider, options);
  provider.use(async (ctx, next) => {
    await next();
    letSubmitItself(ctx);
  });
  provider.on("server_error", (_ctx, error) => logFailure(options.log, { error }, "an OpenID Connect request failed"));
  recordProviderEvents(provider, options.security);
  return provider;
}

function configuration(options: ProviderOptions, keys: readonly SigningKey[]): Configuration {
  const { pool, sessionTimes } = options;
  const lives = sessionLives(sessionTimes);
  return {
    adapter: (model: string) => createAdapter(pool, model),
    clients: [...options.clients.metadata],
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    clientAuthMethods: ["client_secret_basic", "client_secret_post", "none"],
    enabledJWA: { idTokenSigningAlgValues: ["ES256"], userinfoSigningAlgValues: ["ES256"] },
    // The first one signs.
    jwks: { keys: keys.map(privateJwk) },
    cookies: {
      keys: [...options.cookieKeys],
      ...secureCookies(options.issuer.startsWith("https:")),
    },
    scopes: ["openid", "account", "offline_access"],
    claims: Object.fromEntries(Object.entries(claimsOfScopes).map(([scope, names]) => [scope, [...names]])),
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      clientCredentials: { enabled: options.servesPrograms },
      revocation: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: async (ctx, form) => showPage(ctx, signOutPage(form, languageAt(ctx))),
        postLogoutSuccessSource: async (ctx) => showPage(ctx, signedOutPage(languageAt(ctx))),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          audience,
          scope: "",
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
    // oidc-provider does not know it, and applications ask for it before they offer a registration.
    discovery: { prompt_values_supported: ["none", "login", "consent", "create"] },
    pkce: { required: () => true },
    responseTypes: ["code"],
    routes: {
      authorization: "/oidc/auth",
      end_session: "/oidc/logout",
      jwks: "/oidc/jwks",
      revocation: "/oidc/revocation",
      token: "/oidc/token",
      userinfo: "/oidc/userinfo",
    },
    interactions: {
      policy: interactionsOf(lives),
      url: (_ctx, { uid, prompt }) => `${pathOf(uid)}${prompt.name === "create" ? "/register" : ""}`,
    },
    ttl: {
      AccessToken: options.accessTokenMs / 1000,
      ClientCredentials: options.serviceTokenMs / 1000,
      IdToken: 3_600,
      Interaction: 1_800,
      Grant: ({ oidc }) => lives.grantSeconds(oidc.account),
      RefreshToken: ({ oidc }, { authTime }) => lives.idleSeconds(oidc.account, authTime),
      // Each use prolongs it, until it is as old as a session may be. Without the account, nobody knows how long it may be.
      Session: ({ oidc }, { accountId, loginTs, exp }) =>
        accountId !== undefined && oidc.account === undefined && exp !== undefined
          ? Math.max(1, exp - Math.floor(now()))
          : lives.idleSeconds(oidc.account, loginTs),
    },
    // A refresh token can be used once; a reuse revokes everything that was issued under its grant.
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    clientBasedCORS: (_ctx, origin, client) =>
      client.redirectUris?.some((uri) => URL.canParse(uri) && new URL(uri).origin === origin) ?? false,
    findAccount: async (_ctx, id, token) => {
      const account = await findAccount(pool, id);
      return account !== undefined && token !== undefined && lives.isOver(account, token) ? undefined : account;
    },
    loadExistingGrant: (ctx) => grantOf(ctx, options),
    async extraTokenClaims({ oidc: { entities, params } }, token) {
      if (token.kind !== "AccessToken") {
        return { roles: ["service"] };
      }
      const user = await findUser(pool, token.accountId);
      const { authTime, amr, scope } = entities.AuthorizationCode ?? entities.RefreshToken ?? {};
      // A refresh may ask for fewer than the sign-in.
      const asked = scopesOf(typeof params?.scope === "string" ? params.scope : scope);
      const scopes = new Set([...scopesOf(scope)].filter((one) => asked.has(one)));
      return {
        ...(user === undefined ? {} : applicationClaims(user, scopes)),
        ...(token.grantId === undefined ? {} : { sid: grantSessionId(token.grantId) }),
        ...(authTime === undefined ? {} : { auth_time: authTime }),
        ...(amr === undefined ? {} : { amr }),
      };
    },
    formats: {
      customizers: {
        jwt(_ctx, token, { payload }) {
          if (token.kind === "AccessToken") {
            // oidc-provider has left it out: it knows no scopes of the resource.
            payload.scope = token.extra?.scope;
          }
          if (token.kind === "ClientCredentials") {
            payload.sub = `service:${payload.sub}`;
          }
        },
      },
    },
    renderError: (ctx, out) => showPage(ctx, errorPage(out.error_description ?? out.error, languageAt(ctx))),
  };
}

/**
 * Names the cookies so that, on HTTPS, browsers take them only from this host by HTTPS: another host of the domain, or
 * someone on the network, could set a victim's session to their own. A `__Host-` cookie is of all paths; the names of those
 * of a sign-in are completed on the way to the browser: see nameSignInCookies.
 */
function secureCookies(isSecure: boolean) {
  const shared = { signed: true, httpOnly: true, sameSite: "lax", secure: isSecure } as const;
  return {
    names: { session: `${isSecure ? "__Host-" : ""}sagacart_session`, ...signInCookies },
    long: { ...shared, path: isSecure ? "/" : "/oidc" },
    short: shared,
  };
}

function privateJwk({ privateKey, publicJwk }: SigningKey): JWK {
  return { ...privateKey.export({ format: "jwk" }), ...publicJwk };
}

async function findAccount(pool: Pool, id: string): Promise<Account | undefined> {
  const user = await findUser(pool, id);
  if (user === undefined) {
    return undefined;
  }
  return {
    accountId: id,
    roles: [...user.roles],
    claims: () => ({
      sub: id,
      preferred_username: user.username,
      updated_at: Math.floor(user.updateTime.getTime() / 1000),
      email: user.email,
      email_verified: user.isEmailVerified,
      phone_number: user.phone,
      roles: [...user.roles],
    }),
  };
}

/**
 * Returns the grant of an application: what a signed-in user has allowed it in this browser, and the session of its tokens. It
 * begins when the user signs in for the application or continues to it, see interactionsOf; a sign-in in its course begins
 * another one, and ends the tokens of the former.
 */
async function grantOf({ oidc }: KoaContextWithOIDC, { pool, log, mostSessionsPerUser }: ProviderOptions) {
  const { client, session, provider, result } = oidc;
  const accountId = session?.accountId;
  if (client === undefined || accountId === undefined) {
    return undefined;
  }
  const grantId = session?.grantIdFor(client.clientId);
  const existing = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  if (existing === undefined && result?.login === undefined && result?.consent === undefined) {
    return undefined;
  }
  const isReplaced = existing !== undefined && result?.login !== undefined;
  if (isReplaced) {
    await existing.destroy();
  }
  const grant =
    existing === undefined || isReplaced ? new provider.Grant({ clientId: client.clientId, accountId }) : existing;
  // The client's metadata has refused a request for scopes that it may not have.
  grant.addOIDCScope([...oidc.requestParamScopes].join(" "));
  const currentGrantId = await grant.save();
  const ended = await endOldestGrants(pool, { userId: accountId, currentGrantId, most: mostSessionsPerUser });
  if (ended.length > 0) {
    log.info({ userId: accountId, ended: ended.length }, "ended the sign-ins to applications that were too many");
  }
  return grant;
}

function showPage(ctx: KoaContextWithOIDC, page: { html: string; csp: string }): void {
  ctx.set("content-security-policy", page.csp);
  ctx.type = "html";
  ctx.body = page.html;
}

/**
 * Sets the policy of oidc-provider's pages that submit a form by themselves, which it leaves to others: where a browser that is
 * signed in as somebody goes on as somebody else, and where it signs out and nobody is signed in. With the policy of all answers
 * they would stay blank.
 */
function letSubmitItself(ctx: Pick<KoaContextWithOIDC, "body" | "set">): void {
  const html = typeof ctx.body === "string" ? ctx.body : "";
  const [, script] = /<script>([^<]*\.forms\[0\]\.submit\(\)[^<]*)<\/script>/.exec(html) ?? [];
  if (script !== undefined) {
    const hash = createHash("sha256").update(script).digest("base64");
    // As at the sign-out: it has checked where the application redirects to afterwards.
    ctx.set(
      "content-security-policy",
      `default-src 'none'; script-src 'sha256-${hash}'; form-action 'self' http: https:; base-uri 'none'; frame-ancestors 'none'; object-src 'none'`,
    );
  }
}

function languageAt({ query, req }: KoaContextWithOIDC): Language {
  return languageOf(query.ui_locales, req);
}

function now(): number {
  return Date.now() / 1000;
}
