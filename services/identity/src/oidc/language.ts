import type { IncomingMessage } from "node:http";

export type Language = "en" | "de";

/** The texts of a page in each language. German has what English has, which the compiler checks. */
export type Texts<T> = { readonly en: T; readonly de: T };

/**
 * Returns the first language of the pages that the application or the browser prefers. `wanted` is `ui_locales`, which begins
 * with the most wanted one; the browser says it in Accept-Language.
 */
export function languageOf(wanted: unknown, { headers }: Pick<IncomingMessage, "headers">): Language {
  const asked = typeof wanted === "string" ? wanted.split(" ") : [];
  const weighted = (headers["accept-language"] ?? "").split(",").map((part) => {
    const [tag = "", ...parameters] = part.split(";").map((text) => text.trim());
    const weight = Number(parameters.find((text) => text.startsWith("q="))?.slice(2) ?? 1);
    return { tag, weight: Number.isNaN(weight) ? 0 : weight };
  });
  const preferred = weighted.filter(({ weight }) => weight > 0).sort((one, other) => other.weight - one.weight);
  const languages = [...asked, ...preferred.map(({ tag }) => tag)].map((tag) => tag.toLowerCase().split("-", 1)[0]);
  return languages.find((language) => language === "en" || language === "de") ?? "en";
}
