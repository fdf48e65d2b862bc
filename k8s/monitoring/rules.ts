import { readdir, readFile } from "node:fs/promises";
import { parse } from "yaml";

/** The files with the rules, in the chart. */
export const rulesFolder = new URL("../../charts/sagacart/files/monitoring/rules/", import.meta.url);

export type Alert = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};
/** A query whose answer is kept under a name of its own. */
export type Recording = { readonly record: string; readonly expr: string };

/** All rules of all files. */
export async function readRules(): Promise<{ alerts: Alert[]; recordings: Recording[] }> {
  const alerts: Alert[] = [];
  const recordings: Recording[] = [];
  for (const file of await readdir(rulesFolder)) {
    // The files are ours, and promtool knows their form.
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
