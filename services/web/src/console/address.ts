import { useLocation, useRouter } from "@tanstack/react-router";
import { createContext, useContext } from "react";
import type { PathParts } from "./match.ts";
import { searchTexts } from "./search.ts";

type Changes = Readonly<Record<string, string | undefined>>;

/** The search parameters of the page as texts, and how to change them. What a page shows is in its address. */
export type Address<Name extends string> = {
  readonly texts: { readonly [N in Name]?: string | undefined };
  /**
   * The texts that the page shows and no URL may have, such as a person's name, since URLs end up in logs and histories. It is in the
   * state of the browser's history entry: it survives a reload and Back, and is not shared with the address.
   */
  readonly privateTexts: { readonly [N in Name]?: string | undefined };
  /** Goes to the address with these parameters, and private texts, changed; undefined removes one. */
  set(changes: Changes, privateChanges?: Changes): void;
  /**
   * Removes a parameter if the browser is still at this page and the parameter still has this value; returns false if not. It
   * can also be called once the component is gone.
   */
  remove(name: string, value: string): boolean;
  /** The path with the search parameters, to come back to. */
  readonly href: string;
};

export function useAddress<const Name extends string>(...names: readonly Name[]): Address<Name> {
  const router = useRouter();
  const { pathname, search: shown, href, state } = useLocation();
  const known = privateOf(state);
  const go = (kind: "push" | "replace", next: Readonly<Record<string, unknown>>, hidden = known) => {
    const given = Object.entries(next).filter(([, value]) => value !== undefined && value !== "");
    const target = `${pathname}${router.options.stringifySearch(Object.fromEntries(given))}`;
    router.history[kind](target, { [privateKey]: hidden });
  };
  return {
    texts: searchTexts(...names)({ ...shown }),
    privateTexts: searchTexts(...names)(known),
    href,
    set: (changes, privateChanges = {}) => go("push", { ...shown, ...changes }, { ...known, ...privateChanges }),
    remove(name, value) {
      // The browser's own location: the one that was rendered may be long past.
      const now = router.parseLocation(router.history.location);
      const search: Record<string, unknown> = { ...now.search };
      const { [name]: present, ...rest } = search;
      if (now.pathname !== pathname || present !== value) {
        return false;
      }
      go("replace", rest, privateOf(now.state));
      // Or else a push that follows at once would leave the old address in the history.
      router.history.flush();
      return true;
    },
  };
}

const privateKey = "sagacartPrivate";

/** Returns the private texts in the state of a history entry, which other code of this origin may have written, too. */
function privateOf(state: object): Record<string, unknown> {
  const given = Object.entries(state).find(([name]) => name === privateKey)?.[1];
  return typeof given === "object" ? { ...given } : {};
}

/** The named parts of the page's path. */
export const PathPartsContext = createContext<PathParts>({});

/** Returns a part of the path, for example the id in `orders/$id`. */
export function usePathPart(name: string): string {
  return useContext(PathPartsContext)[name] ?? "";
}
