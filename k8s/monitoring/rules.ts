import { readdir, readFile } from "node:fs/promises";
import { parse } from "yaml";

/** The chart's folder of alert rules. */
export const rulesFolder = new URL("../../charts/sagacart/files/monitoring/rules/", import.meta.url);

export type Alert = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};
/** A recording rule: a query whose result is stored as a metric. */
export type Recording = { readonly record: string; readonly expr: string };

/** Reads all rules of all files. */
export async function readRules(): Promise<{ alerts: Alert[]; recordings: Recording[] }> {
  const alerts: Alert[] = [];
  const recordings: Recording[] = [];
  for (const file of await readdir(rulesFolder)) {
    // The files are ours, and promtool checks their structure.
    const { groups } = parse(await readFile(new URL(file, rulesFolder), "utf8")) as {
      groups: { rules: (Alert | Recording)[] }[];
    };
    for (const rule of groups.flatMap(({ rules }) => rules)) {
      if ("alert" in rule) {
        alerts.push(rule);
      } else {
        recordings.push(rule);
      }
    }
  }
  return { alerts, recordings };
}
