import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { toGrafana } from "./dashboard.ts";
import { dashboardFolder, dashboards } from "./dashboards.ts";
import { others } from "./others.ts";
import { readQuery } from "./promql.ts";
import { allQueries } from "./queries.ts";
import { readRules } from "./rules.ts";

const queries = await allQueries();
const { alerts, recordings } = await readRules();

describe("a dashboard", () => {
  test.each(dashboards)("$name is in the chart as generated from its source", async (dashboard) => {
    const inChart: unknown = JSON.parse(await readFile(new URL(`${dashboard.name}.json`, dashboardFolder), "utf8"));
    // If this fails, run node k8s/monitoring/write-dashboards.ts
    expect(inChart).toEqual(toGrafana(dashboard));
  });

  test.each(dashboards)("$name reads from the chosen datasource", (dashboard) => {
    const text = JSON.stringify(toGrafana(dashboard));
    expect(text).toContain('"type":"datasource"');
    expect(new Set([...text.matchAll(/"uid":"([^"]*)"/g)].map(([, uid]) => uid))).toEqual(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in.
      new Set([`sagacart-${dashboard.name}`, "${datasource}"]),
    );
  });

  test.each(dashboards)("$name has panels that do not overlap", (dashboard) => {
    const { panels } = toGrafana(dashboard) as {
      panels: { gridPos: { x: number; y: number; w: number; h: number } }[];
    };
    const taken = new Set<string>();
    for (const { gridPos } of panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(x).toBeLessThan(24);
          expect(taken).not.toContain(`${x} ${y}`);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });
});

describe("every query of dashboards and rules", () => {
  test("is valid PromQL and reads a metric", () => {
    for (const { query } of queries) {
      expect(readQuery(query).selectors.length).toBeGreaterThan(0);
    }
  });

  test("and invalid PromQL is detected", () => {
    expect(() => readQuery("sum by (app (up)")).toThrow();
    expect(() => readQuery('rate(calls{app="x"}[5m)')).toThrow();
    expect(readQuery('sum by (app) (rate(calls_total{code!="ok"}[5m])) / other')).toEqual({
      selectors: [
        { metric: "calls_total", labels: ["code"] },
        { metric: "other", labels: [] },
      ],
      groupings: ["app"],
    });
  });
});

test("queries filter metrics of other exporters only by labels that they have", () => {
  // Labels that Prometheus adds to every target.
  const always = new Set(["namespace", "pod", "job"]);
  const asked = queries.flatMap(({ query }) => readQuery(query).selectors).filter(({ metric }) => metric in others);
  expect(asked.length).toBeGreaterThan(0);
  for (const { metric, labels } of asked) {
    expect(labels.filter((label) => !always.has(label) && !others[metric]?.labels.includes(label))).toEqual([]);
  }
  const read = new Set(asked.map(({ metric }) => metric));
  expect(Object.keys(others).filter((metric) => !read.has(metric))).toEqual([]);
});

describe("an alert", () => {
  test("has a unique name", () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });

  test.each(alerts)("$alert has a severity, a description and a runbook", ({ alert, labels, annotations }) => {
    expect(["critical", "warning"]).toContain(labels.severity);
    expect(annotations.summary).not.toBe("");
    expect(annotations.description).toMatch(/\.$/);
    expect(annotations.runbook_url).toBe(`k8s/monitoring/runbooks/${alert}.md`);
  });

  test.each(alerts)("$alert's texts use only labels that its query returns", ({ expr, annotations }) => {
    const recorded = recordings.filter(({ record }) => expr.includes(record)).map((recording) => recording.expr);
    const read = [expr, ...recorded].map(readQuery);
    const known = new Set(
      read.flatMap(({ groupings, selectors }) => [...groupings, ...selectors.flatMap(({ labels }) => labels)]),
    );
    const labels = [
      ...Object.values(annotations)
        .join(" ")
        .matchAll(/\$labels\.(\w+)/g),
    ].map(([, label]) => label);
    expect(labels.filter((label) => !known.has(`${label}`))).toEqual([]);
  });
});
