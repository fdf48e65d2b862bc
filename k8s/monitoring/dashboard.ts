/** A dashboard, as a person writes it down. */
export type Dashboard = {
  /** The file's name, and in Grafana's addresses: `sagacart-<name>`. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Chosen at its head, besides the datasource and the namespace: by name, the query of its values. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
};

export type Row = { readonly title: string; readonly panels: readonly Panel[] };

export type Panel = {
  readonly title: string;
  /** What it shows, and how to read it. */
  readonly about?: string;
  readonly kind?: "timeseries" | "stat" | "bars";
  /** As Grafana calls them: s, reqps, percentunit, short, bytes. */
  readonly unit?: string;
  /** Of 24. */
  readonly width?: number;
  readonly stacked?: boolean;
  /** Red from here on. */
  readonly redFrom?: number;
  /**
   * Legend and query. `{$in` begins the labels of a metric that is read in the chosen namespace, `$rate` is the time
   * over which rates are taken.
   */
  readonly queries: Readonly<Record<string, string>>;
};

/** What is written for `{$in`: the laptop's shop has no namespace, which "all" of them takes in. */
const inNamespace = '{namespace=~"$namespace"';

/** A query as it stands in Grafana. */
export function grafanaQuery(query: string): string {
  return query.replaceAll("{$in", inNamespace).replaceAll("$rate", "$__rate_interval");
}

/** The dashboard as Grafana reads it, with a variable for the datasource. */
export function toGrafana({ name, title, description, variables = {}, rows }: Dashboard): object {
  let y = 0;
  let id = 1;
  const panels: object[] = [];
  for (const row of rows) {
    panels.push({ id: id++, type: "row", title: row.title, collapsed: false, panels: [], gridPos: at(0, y++, 24, 1) });
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      const width = panel.width ?? (panel.kind === "stat" ? 4 : 8);
      if (x + width > 24) {
        x = 0;
        y += height;
        height = 0;
      }
      const h = panel.kind === "stat" ? 4 : 8;
      panels.push({ id: id++, ...toPanel(panel), gridPos: at(x, y, width, h) });
      x += width;
      height = Math.max(height, h);
    }
    y += height;
  }
  return {
    uid: `sagacart-${name}`,
    title,
    description,
    tags: ["sagacart"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    timezone: "",
    links: [
      {
        type: "dashboards",
        tags: ["sagacart"],
        title: "Sagacart",
        asDropdown: true,
        includeVars: true,
        keepTime: true,
      },
    ],
    annotations: { list: [] },
    templating: {
      list: [
        { name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus", refresh: 1 },
        variable("namespace", "label_values(rpc_client_in_flight, namespace)"),
        ...Object.entries(variables).map(([label, query]) => variable(label, grafanaQuery(query))),
      ],
    },
    panels,
  };
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in.
const datasource = { type: "prometheus", uid: "${datasource}" };

function at(x: number, y: number, w: number, h: number): object {
  return { x, y, w, h };
}

function variable(name: string, query: string): object {
  return {
    name,
    type: "query",
    datasource,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: ".*",
    current: { selected: true, text: ["All"], value: ["$__all"] },
  };
}

function toPanel({ title, about, kind = "timeseries", unit = "short", stacked, redFrom, queries }: Panel): object {
  const refIds = "ABCDEFGH";
  const steps = [{ color: "green", value: null }, ...(redFrom === undefined ? [] : [{ color: "red", value: redFrom }])];
  return {
    type: kind === "bars" ? "timeseries" : kind,
    title,
    ...(about === undefined ? {} : { description: about }),
    datasource,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        thresholds: { mode: "absolute", steps },
        ...(kind === "stat"
          ? { color: { mode: "thresholds" }, noValue: "0" }
          : {
              color: { mode: "palette-classic" },
              custom: {
                drawStyle: kind === "bars" ? "bars" : "line",
                fillOpacity: kind === "bars" ? 80 : stacked ? 30 : 8,
                lineWidth: 1,
                showPoints: "never",
                spanNulls: true,
                stacking: { mode: stacked || kind === "bars" ? "normal" : "none", group: "A" },
                thresholdsStyle: { mode: redFrom === undefined ? "off" : "dashed" },
              },
            }),
      },
      overrides: [],
    },
    options:
      kind === "stat"
        ? { reduceOptions: { calcs: ["lastNotNull"] }, colorMode: "value", graphMode: "area", textMode: "auto" }
        : {
            legend: { displayMode: "table", placement: "bottom", calcs: ["lastNotNull", "max"] },
            tooltip: { mode: "multi", sort: "desc" },
          },
    targets: Object.entries(queries).map(([legend, query], index) => ({
      refId: refIds.charAt(index),
      datasource,
      expr: grafanaQuery(query),
      legendFormat: legend,
      range: true,
    })),
  };
}
