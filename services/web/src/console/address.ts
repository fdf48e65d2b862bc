import { useLocation, useRouter } from "@tanstack/react-router";
import { createContext, useContext } from "react";
import type { PathParts } from "./match.ts";
import { searchTexts } from "./search.ts";

/** The search parameters of the page as texts, and how to change them. What a page shows is in its address. */
export type Address<Name extends string> = {
  readonly texts: { readonly [N in Name]?: string | undefined };
  /** Goes to the address with these parameters changed; undefined removes one. */
  set(changes: Readonly<Record<string, string | undefined>>, options?: { replace?: boolean }): void;
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
  const { pathname, search: shown, href } = useLocation();
  const go = (next: Readonly<Record<string, unknown>>, { replace = false }: { replace?: boolean }) => {
    const given = Object.entries(next).filter(([, value]) => value !== undefined && value !== "");
    const target = `${pathname}${router.options.stringifySearch(Object.fromEntries(given))}`;
    router.history[replace ? "replace" : "push"](target);
  };
  return {
    texts: searchTexts(...names)({ ...shown }),
    href,
    set: (changes, options = {}) => go({ ...shown, ...changes }, options),
    remove(name, value) {
      // The browser's own location: the one that was rendered may be long past.
      const now = router.parseLocation(router.history.location);
      const search: Record<string, unknown> = { ...now.search };
      const { [name]: present, ...rest } = search;
      if (now.pathname !== pathname || present !== value) {
        return false;
      }
      go(rest, { replace: true });
      // Or else a push that follows at once would leave the old address in the history.
      router.history.flush();
      return true;
    },
  };
}

/** The named parts of the page's path. */
export const PathPartsContext = createContext<PathParts>({});

/** Returns a part of the path, for example the id in `orders/$id`. */
export function usePathPart(name: string): string {
  return useContext(PathPartsContext)[name] ?? "";
}
