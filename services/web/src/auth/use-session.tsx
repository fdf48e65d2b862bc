import { createContext, type ReactNode, useContext, useSyncExternalStore } from "react";
import type { Session, SessionState } from "./session.ts";

const SessionContext = createContext<Session | undefined>(undefined);

export function SessionProvider({ session, children }: { session: Session; children: ReactNode }) {
  return <SessionContext value={session}>{children}</SessionContext>;
}

/** Returns the session and its present state. */
export function useSession(): { readonly session: Session; readonly state: SessionState } {
  const session = useContext(SessionContext);
  if (session === undefined) {
    throw new Error("useSession needs a SessionProvider");
  }
  const state = useSyncExternalStore(session.subscribe, session.state);
  return { session, state };
}

/** Returns true for people of the shop. The services decide what they may do; this only decides what is shown. */
export function isStaff(state: SessionState): boolean {
  return state.kind === "signed-in" && state.user.roles.some((role) => role === "operator" || role === "support");
}
