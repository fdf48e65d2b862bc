import { expect, test } from "vitest";
import { parse } from "yaml";
import { read } from "../docs/source.ts";
import { images } from "./images.ts";

type Step = { readonly uses?: string; readonly run?: string; readonly with?: Readonly<Record<string, string>> };
type Workflow = {
  readonly on: { readonly schedule: readonly { readonly cron: string }[] };
  readonly permissions: object;
  readonly jobs: {
    readonly image: {
      readonly steps: readonly Step[];
      readonly strategy: { readonly "fail-fast": boolean; readonly matrix: { readonly image: readonly string[] } };
    };
  };
};

const text = read(".github/workflows/scan.yml");
const workflow: Workflow = parse(text);
const { steps, strategy } = workflow.jobs.image;
const indexOf = (words: string) =>
  steps.findIndex(({ uses = "", run = "" }) => uses.includes(words) || run.includes(words));

test("the scan of what is released runs every week, for every image", () => {
  expect(workflow.on.schedule.map(({ cron }) => cron)).toEqual([expect.stringMatching(/^\d+ \d+ \* \* [0-6]$/)]);
  expect(strategy.matrix.image.toSorted()).toEqual(images.map(({ name }) => name).toSorted());
  expect(strategy["fail-fast"]).toBe(false);
});

test("it verifies the signature of the release, scans for all severities, and fails for what is overdue", () => {
  expect(indexOf("cosign verify")).toBeGreaterThan(-1);
  expect(indexOf("cosign verify")).toBeLessThan(indexOf("trivy-action@"));
  const scan = steps[indexOf("trivy-action@")]?.with ?? {};
  expect(scan).toMatchObject({ scanners: "vuln", format: "json", output: "report.json", "exit-code": "0" });
  expect(Object.keys(scan)).not.toContain("severity");
  expect(steps[indexOf("overdue.ts")]?.run).toContain("set -o pipefail");
  expect(indexOf("overdue.ts")).toBe(steps.length - 1);
});

test("it uses each action by the commit that the release uses, with the version beside it", () => {
  const uses = text.split("\n").filter((line) => line.includes("uses:"));
  expect(uses.length).toBeGreaterThan(4);
  expect(uses.filter((line) => !/uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([]);
  const release = read(".github/workflows/release.yml");
  const shared = uses.map((line) => line.trim().replace(/^- /, "")).filter((line) => !line.includes("setup-node"));
  expect(shared.filter((line) => !release.includes(line))).toEqual([]);
});

test("it may read the sources, and nothing else", () => {
  expect(workflow.permissions).toEqual({ contents: "read" });
});
