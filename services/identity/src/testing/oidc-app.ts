import * as client from "openid-client";
import type { TestIdentity } from "./identity.ts";

/** An application that signs users in by OpenID Connect, with a real client library. */
export type OidcApp = {
  readonly config: client.Configuration;
  /** Begins a sign-in. Returns the page with the form, and the application's verifier and state. */
  begin(browser: TestBrowser, more?: Record<string, string>): Promise<Begun>;
  /** Signs a user in at the page. */
  signIn(browser: TestBrowser, person: { username: string; password: string }): Promise<SignedIn>;
  /** Exchanges the code for tokens. */
  tokensOf(signedIn: SignedIn): ReturnType<typeof client.authorizationCodeGrant>;
};

type Begun = { verifier: string; state: string; location: string; page: TestPage };
type SignedIn = { verifier: string; state: string; callback: URL };

/** Configures an application, for which the issuer's name is that of the server under test. */
export async function createOidcApp(
  running: TestIdentity,
  app: { clientId: string; redirectUri: string; scope?: string },
): Promise<OidcApp> {
  const { redirectUri, scope = "openid profile email" } = app;
  const config = await discoverClient(running, app.clientId, client.None());
  async function begin(browser: TestBrowser, more: Record<string, string> = {}) {
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const url = client.buildAuthorizationUrl(config, {
      ...{ redirect_uri: redirectUri, scope, state },
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      ...more,
    });
    const { location } = await browser.open(url);
    const isOurs = !location.startsWith(redirectUri);
    return { verifier, state, location, page: await browser.open(isOurs ? location : "/health") };
  }
  return {
    config,
    begin,
    async signIn(browser, { username, password }) {
      const { verifier, state, location, page } = await begin(browser);
      const submitted = await browser.open(location, { csrf: page.csrf, username, password });
      const { location: callback } = await browser.open(submitted.location);
      return { verifier, state, callback: new URL(callback) };
    },
    tokensOf: ({ verifier, state, callback }) =>
      client.authorizationCodeGrant(config, callback, { pkceCodeVerifier: verifier, expectedState: state }),
  };
}

/** Configures a real client library that resolves the issuer's name to the server under test. */
export async function discoverClient(running: TestIdentity, clientId: string, authentication: client.ClientAuth) {
  const { fetch } = running;
  const found = await client.discovery(new URL(running.issuer), clientId, {}, authentication, {
    [client.customFetch]: (url, options) => fetch(url, options as RequestInit),
    execute: [client.allowInsecureRequests],
  });
  found[client.customFetch] = (url, options) => fetch(url, options as RequestInit);
  return found;
}

export type TestPage = {
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  readonly location: string;
  readonly csrf: string;
};

/** A minimal browser: it keeps cookies and does not follow redirects. */
export type TestBrowser = {
  readonly cookies: ReadonlyMap<string, string>;
  open(url: URL | string, form?: Record<string, string>, headers?: Record<string, string>): Promise<TestPage>;
};

export function createBrowser(running: TestIdentity): TestBrowser {
  const cookies = new Map<string, string>();
  return {
    cookies,
    async open(url, form, headers = {}) {
      const answer = await running.fetch(new URL(url, running.issuer), {
        redirect: "manual",
        headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "), ...headers },
        ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
      });
      for (const cookie of answer.headers.getSetCookie()) {
        const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        cookies.set(name, value);
      }
      const html = await answer.text();
      return {
        status: answer.status,
        headers: answer.headers,
        html,
        location: answer.headers.get("location") ?? "",
        csrf: /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? "",
      };
    },
  };
}

export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}
