import { parser } from "@prometheus-io/lezer-promql";

/** A metric that a query reads, and the labels that it filters by. */
export type Selector = { readonly metric: string; readonly labels: readonly string[] };

/** The selectors and groupings of a query. */
export type Query = {
  readonly selectors: readonly Selector[];
  /** The labels that it groups by, or matches two sides on. */
  readonly groupings: readonly string[];
};

/** Parses a query. Throws an error with the position if Prometheus would reject it. */
export function readQuery(query: string): Query {
  const selectors: { metric: string; labels: string[] }[] = [];
  const groupings = new Set<string>();
  const textOf = ({ from, to }: { from: number; to: number }) => query.slice(from, to);
  parser.parse(query).iterate({
    enter(node) {
      if (node.type.isError) {
        throw new Error(`invalid PromQL at "${query.slice(node.from, node.from + 30)}" in: ${query}`);
      }
      switch (node.name) {
        case "VectorSelector":
          selectors.push({ metric: "", labels: [] });
          break;
        case "Identifier": {
          const last = selectors.at(-1);
          if (node.node.parent?.name === "VectorSelector" && last !== undefined) {
            last.metric = textOf(node);
          }
          break;
        }
        case "LabelName": {
          const inSelector = node.node.parent?.name !== "GroupingLabels";
          if (inSelector) {
            selectors.at(-1)?.labels.push(textOf(node));
          } else {
            groupings.add(textOf(node));
          }
          break;
        }
      }
    },
  });
  return { selectors, groupings: [...groupings] };
}

/** Replaces the variables of a dashboard's query with values. */
export function withoutVariables(query: string): string {
  return query.replaceAll("$__rate_interval", "5m").replaceAll(/\$(?:namespace|app)\b/g, ".*");
}
