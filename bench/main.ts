import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readOptions, usage } from "./options.ts";
import { describeProfiles, describeRpcs, describeStatements, readProfiles } from "./report/profile.ts";
import { describeResults } from "./report/report.ts";
import { targetsOf } from "./report/targets.ts";
import { runBench } from "./run.ts";
import { profilesDirectory, resultsDirectory } from "./shop.ts";

// npm run bench: compares the batch saga with the usual saga and plain code. The exit code is 1 if an answer was wrong
// or the audit found a breach. A missed target is reported, but does not fail the bench.

const say = (line: string) => process.stdout.write(`${line}\n`);
const interrupt = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(name, () => {
    say("\nStopping");
    interrupt.abort(new Error("stopped before the end"));
  });
}
try {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    say(usage);
    process.exit(0);
  }
  await rm(profilesDirectory, { recursive: true, force: true });
  const results = await runBench(options, say, interrupt.signal);
  const targets = targetsOf(results);
  say(`\n${describeResults(results, targets)}`);
  const profiles = options.profile ? await readProfiles(profilesDirectory, results.windows) : [];
  if (profiles.length > 0) {
    say(
      `\n${describeProfiles(profiles)}\n\n${describeStatements(results.windows)}\n\n${describeRpcs(results.windows)}`,
    );
  }
  const file = join(resultsDirectory, `${results.date.replaceAll(":", "-").slice(0, 19)}.json`);
  await writeFile(file, `${JSON.stringify({ ...results, targets, profiles }, undefined, 1)}\n`);
  say(`\nAll results are in ${file}`);
  const wrong = results.windows.some((window) => Object.keys(window.wrong).length > 0);
  process.exit(wrong || !results.audit.clean ? 1 : (process.exitCode ?? 0));
} catch (error) {
  const text = interrupt.signal.aborted ? "Stopped before the end." : error instanceof Error ? error.stack : error;
  process.stderr.write(`${text}\n`);
  process.exit(1);
}
