import { grafanaQuery } from "./dashboard.ts";
import { dashboards } from "./dashboards.ts";
import { withoutVariables } from "./promql.ts";
import { readRules } from "./rules.ts";

/** A query of a dashboard or rule, and its location. */
export type NamedQuery = { readonly where: string; readonly query: string };

/** Returns every query of the dashboards and rules, with values in place of variables. */
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
