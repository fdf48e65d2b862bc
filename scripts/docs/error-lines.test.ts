import { expect, test } from "vitest";
import { errorLines } from "./error-lines.ts";
import { read } from "./source.ts";

/** The messages of docs/error-log-lines.md, each with what a person should do. */
function documented(): Map<string, string> {
  const rows = read("docs/error-log-lines.md").matchAll(/^\| `([^`]+)` \| (.+) \|$/gm);
  return new Map([...rows].map(([, message = "", todo = ""]) => [message, todo.trim()]));
}

test("each error line of the log asks a person for something, and docs/error-log-lines.md says for what", () => {
  const known = documented();
  const missing = errorLines().filter(({ message }) => !known.has(message));
  expect(missing, "log it as a warning, or say in docs/error-log-lines.md what a person should do").toEqual([]);
});

test("docs/error-log-lines.md has no lines that are logged no more", () => {
  const logged = new Set(errorLines().map(({ message }) => message));
  expect([...documented().keys()].filter((message) => !logged.has(message))).toEqual([]);
});
