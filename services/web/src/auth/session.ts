import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { reloadOnce } from "../layout/lazy-chunk.ts";
import type { SiteConfig } from "../site-config.ts";
import type { Oidc, Tokens } from "./oidc.ts";
import { returnPath } from "./return-path.ts";
import type { SignInOptions, User } from "./user.ts";

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
  /** Finds out whether this browser is signed in: once, and again after the issuer could not be asked. Never rejects. */
  restore(): Promise<void>;
  /** Leaves for the issuer's page, which returns to the given path. Never resolves, unless the issuer cannot be reached. */
  signIn(returnTo: string, options?: SignInOptions): Promise<void>;
  /** Finishes the sign-in that led to this URL, and returns the path to go on with. */
  finishSignIn(url: URL): Promise<string>;
  /** Ends the session here and in the other tabs, and leaves for the issuer's page, which ends it there. */
  signOut(): Promise<void>;
  /**
   * Returns a token that is good for a while; undefined if nobody is signed in. `not` is one that has just been refused.
   * Throws if its renewal finds that somebody else has signed in with this browser.
   */
  accessToken(options?: { not?: string }): Promise<string | undefined>;
};

/** Renew tokens this long before they expire. */
const leadMs = 30_000;
/** Ask an issuer that could not be reached again after this time, at the next call. */
const askAgainMs = 15_000;
/** Says that somebody has signed in with this browser, so that other visitors cause no request to the issuer. */
const signedInKey = "sagacart.signed-in";
/**
 * Set at a sign-out, to tell the other tabs. The removal of the other key does not: a tab removes it too when it cannot sign
 * in silently, as at an issuer on another origin, where the other tabs are still signed in.
 */
const signedOutKey = "sagacart.signed-out-at";
const signedOut: SessionState = { kind: "signed-out" };

export function createSession(
  config: SiteConfig,
  // Loaded when somebody signs in or is signed in, which most visitors are not.
  load: () => Promise<Oidc> = async () => (await import("./oidc.ts").catch(reloadOnce)).createOidc(config),
): Session {
  let loading: Promise<Oidc> | undefined;
  const loadOidc = () => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
  const listeners = new Set<() => void>();
  let state: SessionState = { kind: "unknown" };
  let tokens: Tokens | undefined;
  /** Counts sign-ins, renewals and sign-outs: what began before one of them must not replace its result. */
  let changes = 0;
  let renewing: Promise<void> | undefined;
  let restoring: Promise<void> | undefined;
  let askAgainAtMs: number | undefined;

  const show = (next: SessionState) => {
    // The same object for the same person: pages begin anew when it changes, and a renewal changes nothing for them.
    if (JSON.stringify(next) === JSON.stringify(state)) {
      return;
    }
    state = next;
    for (const listener of listeners) {
      listener();
    }
  };
  const become = (next: Tokens | undefined) => {
    changes += 1;
    tokens = next;
    if (next === undefined) {
      localStorage.removeItem(signedInKey);
    } else {
      localStorage.setItem(signedInKey, "yes");
    }
    show(next === undefined ? signedOut : { kind: "signed-in", user: next.user });
  };
  const renew = async () => {
    const begun = changes;
    const former = tokens;
    const oidc = await loadOidc();
    const renewed = (former && (await oidc.refresh(former))) ?? (await oidc.silentSignIn());
    if (changes === begun) {
      become(renewed);
    }
  };
  const askIssuer = async () => {
    const isReturning = location.pathname === returnPath;
    if (isReturning || localStorage.getItem(signedInKey) === null) {
      if (state.kind === "unknown" && !isReturning) {
        become(undefined);
      }
      return;
    }
    const begun = changes;
    try {
      const found = await (await loadOidc()).silentSignIn();
      if (changes === begun) {
        become(found);
      }
    } catch {
      // The issuer cannot be reached, which does not end a session. The shop goes on as for a guest until it can be.
      if (changes === begun) {
        askAgainAtMs = Date.now() + askAgainMs;
        restoring = undefined;
        show(signedOut);
      }
    }
  };
  const restore = () => {
    if (restoring === undefined) {
      askAgainAtMs = undefined;
      restoring = askIssuer();
    }
    return restoring;
  };
  const restoreAgain = () => {
    if (askAgainAtMs !== undefined) {
      void restore();
    }
  };
  addEventListener("focus", restoreAgain);
  addEventListener("online", restoreAgain);
  addEventListener("storage", ({ key, newValue }) => {
    if (key === signedOutKey && newValue !== null) {
      become(undefined);
    }
  });
  return {
    state: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    restore,
    async signIn(returnTo, options) {
      await (await loadOidc()).leaveToSignIn(returnTo, options);
    },
    async finishSignIn(url) {
      const oidc = await loadOidc();
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
      localStorage.setItem(signedOutKey, String(Date.now()));
      await (await loadOidc()).leaveToSignOut({ idToken, refreshToken });
    },
    async accessToken({ not } = {}) {
      if (state.kind === "unknown") {
        await restore();
      } else if (askAgainAtMs !== undefined && askAgainAtMs <= Date.now()) {
        // Without waiting for it: an issuer that is away must not hold up a guest's shop.
        void restore();
      }
      const before = tokens;
      if (before === undefined) {
        return undefined;
      }
      if (before.accessToken === not || before.expiresAtMs - leadMs < Date.now()) {
        renewing ??= renew().finally(() => {
          renewing = undefined;
        });
        await renewing;
        // The issuer's cookie is of whoever signed in last, in any tab. What one person asked for is not done for another.
        if (tokens !== undefined && tokens.user.id !== before.user.id) {
          throw userChanged();
        }
      }
      return tokens?.accessToken;
    },
  };
}

/** Says that a call was not made, since another person is signed in now than the one that it was for. */
export function userChanged(): ConnectError {
  const value = { reason: "USER_CHANGED" };
  return new ConnectError("somebody else has signed in with this browser", Code.Unauthenticated, undefined, [
    { desc: ErrorInfoSchema, value },
  ]);
}

/** Returns who is signed in; undefined for nobody. */
export function userIdOf(state: SessionState): string | undefined {
  return state.kind === "signed-in" ? state.user.id : undefined;
}
