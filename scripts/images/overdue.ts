import { readFileSync } from "node:fs";
import { dueIn } from "./vulnerabilities.ts";

// node scripts/images/overdue.ts report.json …: reads reports of Trivy (--format json) and prints the vulnerabilities that
// have a fix, with the day on which they are due by docs/security/components.md. Exits with 1 if one is overdue.

const files = process.argv.slice(2);
if (files.length === 0) {
  process.stderr.write("usage: node scripts/images/overdue.ts <report of trivy --format json> …\n");
  process.exit(2);
}
const all = files.flatMap((file) => dueIn(JSON.parse(readFileSync(file, "utf8")), new Date()));
for (const { image, id, component, fixedIn, severity, due, isOverdue } of all) {
  const since = due === "" ? "it was found: its date or severity is unknown" : due;
  const when = isOverdue ? `OVERDUE since ${since}` : `due ${due}`;
  process.stdout.write(`${severity}  ${id}  ${component} in ${image}, fixed in ${fixedIn}: ${when}\n`);
}
const overdue = all.filter(({ isOverdue }) => isOverdue).length;
process.stdout.write(`${all.length} vulnerabilities have a fix, ${overdue} are overdue\n`);
process.exitCode = overdue === 0 ? 0 : 1;
