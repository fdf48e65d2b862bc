import type { SiteConfig } from "../site-config.ts";
import { createOidc, type Tokens } from "./oidc.ts";
import type { User } from "./user.ts";

export type SessionState =
  | { readonly kind: "unknown" }
  | { readonly kind: "signed-out" }
  | { readonly kind: "signed-in"; readonly user: User };

/**
 * The sign-in of this tab. Tokens are only in memory: a page that is loaded again gets new ones from the issuer, which knows
 * this browser by its cookie. So nothing that a script could steal outlives the tab.
 */
export type Session = {
  state(): SessionState;
  subscribe(listener: () => void): () => void;
  /** Finds out once whether this browser is signed in. */
  restore(): Promise<void>;
  /** Leaves for the issuer's page, which returns to the given path. Never resolves, unless the issuer cannot be reached. */
  signIn(returnTo: string): Promise<void>;
  /** Finishes the sign-in that led to this URL, and returns the path to go on with. */
  finishSignIn(url: URL): Promise<string>;
  /** Ends the session here, and leaves for the issuer's page, which ends it there. */
  signOut(): Promise<void>;
  /** Returns a token that is good for a while; undefined if nobody is signed in. `not` is one that has just been refused. */
  accessToken(options?: { not?: string }): Promise<string | undefined>;
};

/** Renew tokens this long before they expire. */
const leadMs = 30_000;
/** Says that somebody has signed in with this browser, so that other visitors cause no request to the issuer. */
const signedInKey = "sagacart.signed-in";

export function createSession(config: SiteConfig): Session {
  const oidc = createOidc(config);
  const listeners = new Set<() => void>();
  let state: SessionState = { kind: "unknown" };
  let tokens: Tokens | undefined;
  let renewing: Promise<void> | undefined;
  let restoring: Promise<void> | undefined;

  const become = (next: Tokens | undefined) => {
    tokens = next;
    state = next === undefined ? { kind: "signed-out" } : { kind: "signed-in", user: next.user };
    if (next === undefined) {
      localStorage.removeItem(signedInKey);
    } else {
      localStorage.setItem(signedInKey, "yes");
    }
    for (const listener of listeners) {
      listener();
    }
  };
  const renew = async () => {
    const refreshToken = tokens?.refreshToken;
    const renewed = refreshToken === undefined ? undefined : await oidc.refresh(refreshToken);
    become(renewed ?? (await oidc.silentSignIn()));
  };
  const restore = () => {
    restoring ??= (async () => {
      const isReturning = location.pathname === oidc.returnPath;
      if (isReturning || localStorage.getItem(signedInKey) === null) {
        if (state.kind === "unknown" && !isReturning) {
          become(undefined);
        }
        return;
      }
      become(await oidc.silentSignIn().catch(() => undefined));
    })();
    return restoring;
  };
  return {
    state: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    restore,
    signIn: (returnTo) => oidc.leaveToSignIn(returnTo),
    async finishSignIn(url) {
      const finished = await oidc.finish(url).catch((error: unknown) => {
        become(undefined);
        throw error;
      });
      become(finished.tokens);
      return finished.returnTo;
    },
    async signOut() {
      const idToken = tokens?.idToken;
      const refreshToken = tokens?.refreshToken;
      become(undefined);
      await oidc.leaveToSignOut({ idToken, refreshToken });
    },
    async accessToken({ not } = {}) {
      await restore();
      if (tokens === undefined) {
        return undefined;
      }
      if (tokens.accessToken === not || tokens.expiresAtMs - leadMs < Date.now()) {
        renewing ??= renew().finally(() => {
          renewing = undefined;
        });
        await renewing;
      }
      return tokens?.accessToken;
    },
  };
}
