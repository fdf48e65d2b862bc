/** A dashboard in a compact form, from which Grafana's JSON is generated. */
export type Dashboard = {
  /** The file's name without `.json`. Grafana's uid is `sagacart-<name>`. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Variables besides the datasource and the namespace: by name, the query for its values. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
};

export type Row = { readonly title: string; readonly panels: readonly Panel[] };

export type Panel = {
  readonly title: string;
  /** A description of the panel, and how to read it. */
  readonly about?: string;
  readonly kind?: "timeseries" | "stat" | "bars";
  /** One of Grafana's unit ids, for example s, reqps, percentunit, short, bytes. */
  readonly unit?: string;
  /** Width in columns, of 24. */
  readonly width?: number;
  readonly stacked?: boolean;
  /** The threshold from which values are red. */
  readonly redFrom?: number;
  /**
   * Queries by legend. `{$in` begins the labels of a metric of the chosen namespace; `$rate` is the range over which
   * rates are computed.
   */
  readonly queries: Readonly<Record<string, string>>;
};

/** The replacement for `{$in`. The shop on a laptop has no namespace label, which the value "All" (`.*`) includes. */
const inNamespace = '{namespace=~"$namespace"';

/** Returns a query in Grafana's form. */
export function grafanaQuery(query: string): string {
  return query.replaceAll("{$in", inNamespace).replaceAll("$rate", "$__rate_interval");
}

/** Returns a dashboard as Grafana's JSON, with a variable for the datasource. */
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
