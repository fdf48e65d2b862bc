/** The named parts of a path, decoded. */
export type PathParts = Readonly<Record<string, string>>;

/**
 * Finds the page of a path below /console: the first pattern that it matches, and the parts that the pattern names, such as the
 * id in `orders/$id`. Returns undefined if there is no such page.
 */
export function matchPage<Page extends { readonly path: string }>(
  pages: readonly Page[],
  pathname: string,
): { readonly page: Page; readonly parts: PathParts } | undefined {
  const given = pathname.split("/").filter((part) => part !== "");
  if (given[0] !== "console") {
    return undefined;
  }
  for (const page of pages) {
    const parts = partsOf(page.path, given.slice(1));
    if (parts !== undefined) {
      return { page, parts };
    }
  }
  return undefined;
}

function partsOf(pattern: string, given: readonly string[]): PathParts | undefined {
  const wanted = pattern.split("/").filter((part) => part !== "");
  if (wanted.length !== given.length) {
    return undefined;
  }
  const parts: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const text = decode(given[index] ?? "");
    if (part.startsWith("$") && text !== undefined) {
      parts[part.slice(1)] = text;
    } else if (part !== text) {
      return undefined;
    }
  }
  return parts;
}

/** Decodes a part of a path; undefined if it is not well-formed. */
function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
