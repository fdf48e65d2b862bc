import versions from "../versions.json" with { type: "json" };
import type { Context } from "./context.ts";

export type ChartName = keyof typeof versions.charts;
type Chart = {
  readonly repository?: string;
  readonly chart: string;
  readonly version: string;
  readonly namespace: string;
};

const ownLabel = "installed-by=sagacart";

/**
 * Installs or upgrades a chart of k8s/versions.json under its own name, and waits until helm reports it as ready. Does
 * nothing if `there` finds an installation that is not ours.
 */
export async function ensureChart(
  { cluster, progress }: Context,
  name: ChartName,
  options: { there: () => Promise<string | undefined>; args?: readonly string[] },
): Promise<"installed" | "left alone"> {
  const { repository, chart, version, namespace }: Chart = versions.charts[name];
  const release = chart.split("/").at(-1) ?? chart;
  const ours = JSON.parse(await cluster.helm(["list", "-n", namespace, "-l", ownLabel, "-o", "json"]));
  const installed: unknown = ours.find((one: { name: string }) => one.name === release)?.chart;
  const found = installed === undefined ? await options.there() : undefined;
  if (found !== undefined) {
    progress.say(`${release}: already installed (${found}), left unchanged`);
    return "left alone";
  }
  const verb =
    installed === undefined ? "installing" : installed === `${release}-${version}` ? "checking" : "upgrading";
  progress.say(`${release}: ${verb} ${version}`);
  await cluster.helm([
    ...["upgrade", "--install", release, chart, "--version", version, "-n", namespace, "--create-namespace"],
    ...(repository === undefined ? [] : ["--repo", repository]),
    ...["--labels", ownLabel, "--wait", "--timeout", "15m"],
    ...(options.args ?? []),
  ]);
  return "installed";
}
