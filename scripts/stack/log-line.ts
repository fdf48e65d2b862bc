import { readFile } from "node:fs/promises";

/** Reads the last lines of a log, for the report of an unexpected exit. */
export async function lastLines(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-15);
}

/** Shortens a log line for the terminal: a JSON line to its level, message and error. The log has the full line. */
export function summaryOf(line: string): string {
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
