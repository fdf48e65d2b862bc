import { useLocation, useRouter } from "@tanstack/react-router";
import { createContext, useContext } from "react";
import type { PathParts } from "./match.ts";
import { searchTexts } from "./search.ts";

/** The search parameters of the page as texts, and how to change them. What a page shows is in its address. */
export type Address<Name extends string> = {
  readonly texts: { readonly [N in Name]?: string | undefined };
  /** Goes to the address with these parameters changed; undefined removes one. */
  set(changes: Readonly<Record<string, string | undefined>>, options?: { replace?: boolean }): void;
  /** The path with the search parameters, to come back to. */
  readonly href: string;
};

export function useAddress<const Name extends string>(...names: readonly Name[]): Address<Name> {
  const router = useRouter();
  const { pathname, search, href } = useLocation();
  return {
    texts: searchTexts(...names)({ ...search }),
    href,
    set(changes, { replace = false } = {}) {
      const next = Object.entries({ ...search, ...changes }).filter(([, value]) => value !== undefined && value !== "");
      const target = `${pathname}${router.options.stringifySearch(Object.fromEntries(next))}`;
      router.history[replace ? "replace" : "push"](target);
    },
  };
}

/** The named parts of the page's path. */
export const PathPartsContext = createContext<PathParts>({});

/** Returns a part of the path, for example the id in `orders/$id`. */
export function usePathPart(name: string): string {
  return useContext(PathPartsContext)[name] ?? "";
}
