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

/** Returns true for those who have preferences that they can change: support has none. */
export function keepsPreferences(state: SessionState): boolean {
  return state.kind === "signed-in" && state.user.roles.some((role) => role === "customer" || role === "operator");
}

/**
 * Returns the customer_id of calls about one's own carts and orders. Customers leave it empty, and the services fill in their
 * id, which is not the subject at every issuer. Staff may see all customers', so they name themselves.
 */
export function customerIdOf(state: SessionState): string {
  return state.kind === "signed-in" && isStaff(state) ? state.user.id : "";
}
