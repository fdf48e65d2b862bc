import { Code, ConnectError } from "@connectrpc/connect";
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
  /** Finds out once whether this browser is signed in. */
  restore(): Promise<void>;
  /** Leaves for the issuer's page, which returns to the given path. Never resolves, unless the issuer cannot be reached. */
  signIn(returnTo: string, options?: SignInOptions): Promise<void>;
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
  // Loaded when somebody signs in or is signed in, which most visitors are not.
  let loading: Promise<Oidc> | undefined;
  const loadOidc = () => {
    loading ??= import("./oidc.ts").then(({ createOidc }) => createOidc(config));
    return loading;
  };
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
    const oidc = await loadOidc();
    const renewed = refreshToken === undefined ? undefined : await oidc.refresh(refreshToken);
    become(renewed ?? (await oidc.silentSignIn()));
  };
  const restore = () => {
    restoring ??= (async () => {
      const isReturning = location.pathname === returnPath;
      if (isReturning || localStorage.getItem(signedInKey) === null) {
        if (state.kind === "unknown" && !isReturning) {
          become(undefined);
        }
        return;
      }
      become(
        await loadOidc()
          .then((oidc) => oidc.silentSignIn())
          .catch(() => undefined),
      );
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
    async signIn(returnTo, options) {
      if (!isSecureContext) {
        throw new ConnectError(
          "Browsers have what a sign-in needs only by HTTPS, and on localhost: open this shop there.",
          Code.FailedPrecondition,
        );
      }
      await (await loadOidc()).leaveToSignIn(returnTo, options);
    },
    async finishSignIn(url) {
      const oidc = await loadOidc();
      const finished = await oidc.finish(url).catch((error: unknown) => {
        become(undefined);
        // A TypeError is fetch's for a server that cannot be reached; all others say what the issuer did not like.
        throw error instanceof Error && !(error instanceof TypeError)
          ? new ConnectError(error.message, Code.Aborted, undefined, undefined, error)
          : error;
      });
      become(finished.tokens);
      return finished.returnTo;
    },
    async signOut() {
      const idToken = tokens?.idToken;
      const refreshToken = tokens?.refreshToken;
      become(undefined);
      await (await loadOidc()).leaveToSignOut({ idToken, refreshToken });
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
