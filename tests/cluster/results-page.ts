import { cellsOf } from "../../scripts/docs/markdown.ts";
import type { Result } from "./report.ts";
import type { Scenario } from "./scenario.ts";

/** The page with the last result of each scenario, from the root of the clone. */
export const resultsPage = "k8s/e2e-results.md";

/** Where and when scenarios ran. */
export type Run = {
  /** The cluster with the version of Kubernetes, for example `kind, v1.34.0`. */
  readonly on: string;
  readonly commit: string;
  /** YYYY-MM-DD. */
  readonly date: string;
};

const intro = `# Results of the scenarios on a cluster

What each scenario of \`scripts/e2e-cluster\` promises, and what its last run showed. \`scripts/e2e-cluster --record\` writes the
rows of the scenarios that it has run; one that was skipped keeps its row.
`;

const head = ["scenario", "promise", "outcome", "seconds", "measured", "cluster", "commit", "date"];
const none = ["not recorded yet", "", "", "", "", ""];

/**
 * Returns the page with these results in place of the former ones of the same scenarios. It has a row for each scenario, in
 * their order, with its current promise; rows of scenarios that do not exist any more are dropped.
 */
export function withResults(
  page: string,
  scenarios: readonly Pick<Scenario, "name" | "promise">[],
  done?: { readonly results: readonly Result[]; readonly run: Run },
): string {
  const rows = new Map(rowsOf(page));
  for (const { name, outcome, seconds, said } of done?.results ?? []) {
    if (done === undefined || outcome === "SKIP") continue;
    const { on, commit, date } = done.run;
    rows.set(name, [outcome, seconds.toFixed(0), said.join("<br>"), on, commit, date].map(inCell));
  }
  const table = scenarios.map(({ name, promise }) => [name, inCell(promise), ...(rows.get(name) ?? none)]);
  return [intro, ...[head, head.map(() => "---"), ...table].map((cells) => `| ${cells.join(" | ")} |`), ""].join("\n");
}

/** Returns the results of a page by the scenarios' names. */
function rowsOf(page: string): [name: string, cells: string[]][] {
  return page
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map(cellsOf)
    .filter((cells) => cells.length === head.length && cells[0] !== head[0] && cells[0] !== "---")
    .map(([name = "", , ...cells]) => [name, cells]);
}

/** Returns a text without what would end the cell or the row. */
function inCell(text: string): string {
  return text
    .replaceAll(/[\r\n]+/g, " ")
    .replaceAll("|", "&#124;")
    .trim();
}
