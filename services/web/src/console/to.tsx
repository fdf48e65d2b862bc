import { Anchor } from "@mantine/core";
import { useRouter } from "@tanstack/react-router";
import type { MouseEvent, ReactNode } from "react";

/** A link to a page of the console: its path below /console in parts, which may have any characters. */
export function To({
  parts,
  search = {},
  children,
}: {
  parts: readonly string[];
  search?: Readonly<Record<string, string>>;
  children: ReactNode;
}) {
  const router = useRouter();
  const href = `${pathOf(parts)}${router.options.stringifySearch(search)}`;
  const follow = (event: MouseEvent) => {
    // The browser opens new tabs and windows itself.
    if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      router.history.push(href);
    }
  };
  return (
    <Anchor href={href} onClick={follow} inherit>
      {children}
    </Anchor>
  );
}

export function pathOf(parts: readonly string[]): string {
  return `/console${parts.map((part) => `/${encodeURIComponent(part)}`).join("")}`;
}
