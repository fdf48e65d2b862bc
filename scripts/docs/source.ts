import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cloneFolder } from "../clone.ts";

/** Returns the production sources below a folder, by path. */
export function sourcesOf(folder: string): ReadonlyMap<string, string> {
  const files = globSync(`${folder}/**/*.ts`, { cwd: cloneFolder }).filter(
    (file) => !/\.test\.ts$|\/testing\/|\/testing\.ts$|node_modules/.test(file),
  );
  return new Map(files.toSorted().map((file) => [file, read(file)]));
}

export function read(file: string): string {
  return readFileSync(join(cloneFolder, file), "utf8");
}

/** A property of an object literal in the source. */
export type Property = { readonly name: string; readonly comment: string; readonly value: string };

/**
 * Parses the properties with UPPER_CASE names of an object literal, with their doc comments. A shorthand property has the
 * value "". Parses text, because scripts may not import the sources of a service.
 */
export function propertiesOf(literal: string): Property[] {
  const found = literal.matchAll(/(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?(?<![\w.])([A-Z][A-Z0-9_]+)(:|,(?=\n))\s*/g);
  return [...found].map((match) => {
    const [whole, comment = "", name = "", mark] = match;
    const value = mark === ":" ? expressionAt(literal, (match.index ?? 0) + whole.length) : "";
    return { name, comment: plain(comment), value };
  });
}

/** Returns the content of the object literal after a match; undefined if there is no match. */
export function literalAfter(source: string, before: RegExp): string | undefined {
  const match = before.exec(source);
  if (match === null) return undefined;
  const start = source.indexOf("{", match.index + match[0].length - 1);
  return source.slice(start + 1, endOf(source, start) - 1);
}

/** Returns the index after the bracket that closes the one at `start`. */
function endOf(text: string, start: number): number {
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    const skipped = skip(text, index);
    if (skipped > index) index = skipped - 1;
    else if ("([{".includes(text.charAt(index))) depth += 1;
    else if (")]}".includes(text.charAt(index)) && --depth === 0) return index + 1;
  }
  return text.length;
}

function expressionAt(text: string, start: number): string {
  let index = start;
  while (index < text.length && !",}".includes(text.charAt(index))) {
    index = "([{".includes(text.charAt(index)) ? endOf(text, index) : Math.max(index + 1, skip(text, index));
  }
  return text.slice(start, index).replaceAll(/\s+/g, " ").trim();
}

/** Returns the index after a string, comment or regular expression that starts here, else the same index. */
function skip(text: string, index: number): number {
  const token =
    /^(?:"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*|(?<=[(,:\s])\/(?![*/])(?:[^/\\\n[]|\\.|\[[^\]]*\])+\/)/;
  const rest = text.slice(Math.max(0, index - 1));
  const match = index === 0 ? token.exec(text) : token.exec(rest.slice(1));
  return match === null ? index : index + match[0].length;
}

function plain(comment: string): string {
  return comment
    .replaceAll(/^\s*\* ?/gm, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** Escapes a text for a cell of a Markdown table. */
export function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
