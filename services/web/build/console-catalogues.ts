import { globSync } from "node:fs";
import { basename, join } from "node:path";

/** A text with what it is given as `{0}`, `{1}` and so on, and a number as `#`. */
export type Phrase = { readonly key: string; readonly en: string | undefined; readonly de: string | undefined };

type Catalogues = { readonly file: string; readonly en: unknown; readonly de: unknown };

/** Reads the catalogues of the console: what its files `*-texts.ts` export. */
export async function readCatalogues(): Promise<readonly Catalogues[]> {
  const folder = join(import.meta.dirname, "..", "src", "console");
  const files = globSync("**/*-texts.ts", { cwd: folder });
  const modules = await Promise.all(
    files.map(async (file): Promise<[string, Record<string, unknown>]> => [file, await import(join(folder, file))]),
  );
  return modules.flatMap(([file, exported]) =>
    Object.values(exported)
      .filter(isCatalogues)
      .map((texts) => ({ file: basename(file), ...texts })),
  );
}

function isCatalogues(value: unknown): value is { readonly en: unknown; readonly de: unknown } {
  return typeof value === "object" && value !== null && "en" in value && "de" in value;
}

/** Returns the texts of a catalogue in both languages, by their keys. One that a language lacks is undefined. */
export function phrasesOf({ en, de }: Pick<Catalogues, "en" | "de">): readonly Phrase[] {
  const [english, german] = [flat(en, ""), flat(de, "")];
  const keys = new Set([...english.keys(), ...german.keys()]);
  return [...keys].map((key) => ({ key, en: english.get(key), de: german.get(key) }));
}

function flat(value: unknown, key: string): ReadonlyMap<string, string> {
  if (typeof value === "string") {
    return new Map([[key, value]]);
  }
  if (typeof value === "function") {
    const given = Array.from({ length: value.length }, (_, index) => `{${index}}`);
    return new Map([[key, String(value(...given))]]);
  }
  const entries = Object.entries(typeof value === "object" && value !== null ? value : {});
  return new Map(entries.flatMap(([name, part]) => [...flat(part, key === "" ? name : `${key}.${name}`)]));
}
