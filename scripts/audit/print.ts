import type { Law, Report } from "./finding.ts";

/** Prints what was checked and what was found. Returns the number of breaches. */
export function printReports(reports: readonly Report[], say: (line: string) => void): number {
  for (const { law, checked, findings } of reports) {
    say(`law ${law}  ${titles[law]}`);
    say(`       checked ${checked.join(", ")}`);
    for (const { what } of findings) {
      say(`       BREACH: ${what}`);
    }
  }
  const found = reports.reduce((sum, { findings }) => sum + findings.length, 0);
  say(found === 0 ? "audit: no breach" : `audit: ${found} ${found === 1 ? "breach" : "breaches"}`);
  return found;
}

/** The laws that can be checked, as sentences. */
export const titles: Readonly<Record<Law, string>> = {
  1: "Money is conserved.",
  2: "Stock is conserved.",
  3: "Every order ends, and the services agree.",
  4: "A repeated request takes effect once.",
  5: "An event exists if and only if its change was committed.",
  7: "What is deleted of a customer is gone from every service.",
};
