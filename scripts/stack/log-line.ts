import { readFile } from "node:fs/promises";

/** The last lines of a log, for the report of a death. */
export async function lastLines(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-15);
}

/** A line of a log for a person at a terminal: of JSON the message and the error; all of it is in the log. */
export function inShort(line: string): string {
  return (line.startsWith("{") ? messageIn(line) : line).slice(0, 300);
}

function messageIn(line: string): string {
  try {
    const { level, msg, error } = JSON.parse(line);
    return [level, msg, error?.message].filter((part) => part !== undefined).join(": ");
  } catch {
    return line;
  }
}
