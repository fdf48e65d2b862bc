import { readFileSync } from "node:fs";

// Imported first by a program: with --help it prints the comment at the program's head, which says what it does and how to call
// it, and ends before anything is done. So the text is written once.

if (process.argv.includes("--help")) {
  const [, program = ""] = process.argv;
  const source = readFileSync(program, "utf8");
  const [comment = ""] = /^(?:\/\/.*\n)+/m.exec(source) ?? [];
  process.stdout.write(comment.replaceAll(/^\/\/ ?/gm, ""));
  process.exit();
}
