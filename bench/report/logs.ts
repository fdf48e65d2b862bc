import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** One kind of error or warning in the logs of a process, and its count. */
export type LogFinding = { readonly process: string; readonly message: string; readonly count: number };

/** Counts errors and warnings in the logs, most frequent first; those that differ only in numbers or ids are one. */
export async function readLogs(directory: string): Promise<LogFinding[]> {
  const findings = new Map<string, LogFinding>();
  for (const file of (await readdir(directory)).filter((name) => name.endsWith(".log"))) {
    const process = basename(file, ".log");
    for (const line of (await readFile(join(directory, file), "utf8")).split("\n")) {
      const message = worthTelling(line);
      if (message === undefined) {
        continue;
      }
      const key = `${process} ${message.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/g, "#")}`;
      const known = findings.get(key);
      findings.set(key, { process, message: known?.message ?? message, count: (known?.count ?? 0) + 1 });
    }
  }
  return [...findings.values()].sort((a, b) => b.count - a.count);
}

function worthTelling(line: string): string | undefined {
  if (line.trim() === "") {
    return undefined;
  }
  try {
    const { level, msg, error, err } = JSON.parse(line);
    if (!["warn", "error", "fatal"].includes(String(level).toLowerCase())) {
      return undefined;
    }
    const cause = error?.message ?? err?.message ?? error ?? "";
    return `${msg ?? ""}${cause === "" ? "" : `: ${typeof cause === "string" ? cause : JSON.stringify(cause)}`}`;
  } catch {
    // Not our JSON: a stack trace, or output from before the program logs.
    const plain = line.replaceAll(colours, "").replace(/^\d{4}-[\d-]+T\S+\s+/, "");
    return /error|warn|fatal|panic/i.test(plain) ? plain.slice(0, 300) : undefined;
  }
}

/** Terminal escape sequences. */
const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");
