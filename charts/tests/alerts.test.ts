import { expect, test } from "vitest";
import { readRules } from "../../k8s/monitoring/rules.ts";
import { type Manifest, ofKind, refusal, render } from "./render.ts";

const ci = { files: ["k8s/profiles/ci.yaml"] };

async function alertsOf(alerts: object): Promise<Manifest[]> {
  const rules = ofKind(await render({ ...ci, values: { alerts } }), "PrometheusRule");
  return rules.flatMap(({ spec }) =>
    spec.groups.flatMap((group: Manifest) => group.rules.filter((rule: Manifest) => rule.alert !== undefined)),
  );
}

test("without values, each alert of the files is in the cluster as it is", async () => {
  const alerts = await alertsOf({});
  expect(alerts.map(({ alert }) => alert).toSorted()).toEqual(
    (await readRules()).alerts.map(({ alert }) => alert).toSorted(),
  );
});

test("an alert is left out, and another one gets a threshold, a time and a severity; all others stay", async () => {
  const before = await alertsOf({});
  const changed = await alertsOf({
    SagacartDeadlocks: { enabled: false },
    SagacartVolumeFull: { threshold: 0.7, for: "1h", severity: "warning" },
  });

  const named = (alerts: readonly Manifest[], name: string) => alerts.find(({ alert }) => alert === name);
  expect(named(changed, "SagacartDeadlocks")).toBeUndefined();
  const { expr, labels, for: duration } = named(changed, "SagacartVolumeFull");
  expect(expr).toBe(named(before, "SagacartVolumeFull").expr.replace("> 0.85", "> 0.7"));
  expect({ duration, labels }).toEqual({ duration: "1h", labels: { severity: "warning" } });
  const others = (alerts: readonly Manifest[]) =>
    alerts.filter(({ alert }) => !["SagacartDeadlocks", "SagacartVolumeFull"].includes(alert));
  expect(others(changed)).toEqual(others(before));
});

test.for<[object, string]>([
  [{ VolumeFull: { enabled: false } }, "alerts.VolumeFull: there is no alert VolumeFull."],
  [
    { SagacartReplicaMissing: { threshold: 1 } },
    "alerts.SagacartReplicaMissing.threshold: this alert does not compare",
  ],
])("%j is rejected", async ([alerts, sentence]) => {
  expect(await refusal({ ...ci, values: { alerts } })).toContain(sentence);
});
