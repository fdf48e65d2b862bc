import { useLocation } from "@tanstack/react-router";
import { useSession } from "../auth/use-session.tsx";
import type { DraftPlace } from "./draft.ts";

/** Returns where the draft of a form of this page is kept, for the person who is signed in. */
export function useDraftPlace(form: string): DraftPlace {
  const { state } = useSession();
  const { pathname } = useLocation();
  return { userId: state.kind === "signed-in" ? state.user.id : "", pathname, form };
}
