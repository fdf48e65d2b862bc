import { expect, test } from "vitest";
import type { Report } from "./finding.ts";
import { watchAudit } from "./watch.ts";

test("exports the findings of each audit as metrics, and a failed one keeps the previous values", async () => {
  const clean: Report[] = [
    { law: 1, checked: [], findings: [] },
    { law: 2, checked: [], findings: [] },
  ];
  const breach: Report[] = [{ law: 1, checked: [], findings: [{ law: 1, what: "money from nowhere" }] }];
  const results = [clean, breach];
  const outcomes: unknown[] = [];
  await using watch = await watchAudit({
    audit: async () => {
      const result = results.shift();
      if (result === undefined) {
        throw new Error("no database");
      }
      return result;
    },
    ...{ everyMs: 0, host: "127.0.0.1", port: 0, onResult: (result) => outcomes.push(result) },
  });
  await expect.poll(() => outcomes.length).toBeGreaterThanOrEqual(3);
  const answer = await fetch(`http://127.0.0.1:${watch.port}/metrics`);
  const text = await answer.text();
  for (const line of [
    /^sagacart_audit_breaches\{law="1",app="audit"\} 1$/m,
    /^sagacart_audit_breaches\{law="2",app="audit"\} 0$/m,
    /^sagacart_audit_runs_total\{outcome="clean",app="audit"\} 1$/m,
    /^sagacart_audit_runs_total\{outcome="breach",app="audit"\} 1$/m,
    /^sagacart_audit_runs_total\{outcome="failed",app="audit"\} [1-9]/m,
    /^sagacart_audit_timestamp_seconds\{app="audit"\} [1-9]/m,
  ]) {
    expect(text).toMatch(line);
  }
  expect(outcomes.at(-1)).toMatchObject({ message: "no database" });
});
