import { grafanaQuery } from "./dashboard.ts";
import { dashboards } from "./dashboards.ts";
import { withoutVariables } from "./promql.ts";
import { readRules } from "./rules.ts";

/** A query that somebody relies on, and where it stands. */
export type NamedQuery = { readonly where: string; readonly query: string };

/** Every query of the dashboards and rules, with values in place of variables. */
export async function allQueries(): Promise<NamedQuery[]> {
  const { alerts, recordings } = await readRules();
  return [
    ...dashboards.flatMap(({ title, rows }) =>
      rows.flatMap(({ panels }) =>
        panels.flatMap((panel) =>
          Object.values(panel.queries).map((query) => ({
            where: `${title}, ${panel.title}`,
            query: withoutVariables(grafanaQuery(query)),
          })),
        ),
      ),
    ),
    ...alerts.map(({ alert, expr }) => ({ where: alert, query: expr })),
    ...recordings.map(({ record, expr }) => ({ where: record, query: expr })),
  ];
}

/** Who tells the metrics that are not ours, by how their names begin. */
export const others: readonly (readonly [prefix: string, who: string])[] = [
  ["cnpg_", "the instances of CloudNativePG"],
  ["barman_cloud_cloudnative_pg_io_", "its barman-cloud plugin"],
  ["certmanager_", "cert-manager"],
  ["kube_", "kube-state-metrics"],
];

/** What the worker tells only when it happened: Temporal's SDK makes a series with the first of its kind. */
export const onlyAfterFailures: ReadonlySet<string> = new Set([
  "temporal_workflow_failed_total",
  "temporal_request_failure_total",
]);
