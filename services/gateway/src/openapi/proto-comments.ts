import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { DescFile } from "@bufbuild/protobuf";

/** The comments on each service, rpc, message, field and enum value, by full name. */
export type Comments = ReadonlyMap<string, string>;

/**
 * Reads the comments of these files from the .proto sources beside the generated code, which has none. Without the sources
 * (in an image) there are no comments.
 */
export function readComments(files: Iterable<DescFile>): Comments {
  const comments = new Map<string, string>();
  for (const file of files) {
    const source = sourceOf(file);
    if (source !== undefined) {
      collect(source, file.proto.package, comments);
    }
  }
  return comments;
}

function sourceOf({ name }: DescFile): string | undefined {
  if (!name.startsWith("sagacart/")) {
    return undefined;
  }
  try {
    const generated = import.meta.resolve(`@sagacart/proto/${name.slice("sagacart/".length)}`);
    return readFileSync(fileURLToPath(generated.replace("/gen/", "/").replace(/_pb\.ts$/, ".proto")), "utf8");
  } catch {
    return undefined;
  }
}

/** Expects the format of `buf format`: one declaration per line, with comments above it. */
function collect(source: string, packageName: string, comments: Map<string, string>): void {
  const scopes: string[] = [packageName];
  let above: string[] = [];
  for (const raw of source.split("\n")) {
    const comment = /^\s*\/\/ ?(.*)$/.exec(raw);
    if (comment !== null) {
      above.push(comment[1] ?? "");
      continue;
    }
    const line = raw.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
    const block = /^\s*(?:service|message|enum|rpc|oneof) (\w+)/.exec(line)?.[1];
    const member = /^\s*(?:(?:repeated |optional )?[\w.]+(?:<.+>)? )?(\w+) = \d+/.exec(line)?.[1];
    const name = block ?? member;
    const scope = scopes.filter((part) => part !== "").join(".");
    if (name !== undefined && above.length > 0) {
      comments.set(`${scope}.${name}`, paragraphs(above));
    }
    above = [];
    const opened = (line.match(/\{/g) ?? []).length;
    const closed = (line.match(/\}/g) ?? []).length;
    for (let index = closed; index < opened; index++) {
      // A oneof is not part of its fields' names.
      scopes.push(index === closed && block !== undefined && !/^\s*oneof/.test(line) ? block : "");
    }
    scopes.splice(scopes.length - Math.max(0, closed - opened));
  }
}

/** Joins the lines of a paragraph; an empty line ends it. */
function paragraphs(lines: readonly string[]): string {
  return lines
    .join("\n")
    .replaceAll(/([^\n])\n(?=[^\n ])/g, "$1 ")
    .trim();
}
