import type { Span } from "./span.ts";

/** A span with the spans that it caused. */
export type Node = {
  readonly key: string;
  readonly span: Span;
  readonly children: readonly Node[];
  /** The number of spans below it. */
  readonly below: number;
};

type Growing = { readonly key: string; readonly span: Span; readonly children: Growing[]; below: number };

/**
 * Puts spans under their parents, all sorted by time. A batch of several orders has a trace of its own, whose first span has no
 * parent but links to its orders: it is put under the span that links to it, or else under one that it links to. A span whose
 * parent is not there, such as the click in the browser, is among the first.
 */
export function traceTree(spans: readonly Span[]): readonly Node[] {
  const nodes = new Map(
    spans.map((span): [string, Growing] => [keyOf(span), { key: keyOf(span), span, children: [], below: 0 }]),
  );
  const parents = parentsOf(spans, nodes);
  cutLoops(parents);
  const firsts: Growing[] = [];
  for (const node of nodes.values()) {
    const parent = nodes.get(parents.get(node.key) ?? "");
    (parent?.children ?? firsts).push(node);
  }
  return grown(firsts);
}

function keyOf({ traceId, spanId }: Pick<Span, "traceId" | "spanId">): string {
  return `${traceId} ${spanId}`;
}

/** Returns the key of each span's parent, of those that have one. */
function parentsOf(spans: readonly Span[], known: ReadonlyMap<string, Growing>): Map<string, string> {
  const linkedBy = new Map<string, string>();
  for (const span of spans) {
    for (const link of span.links) {
      if (link.traceId !== span.traceId && !linkedBy.has(keyOf(link))) {
        linkedBy.set(keyOf(link), keyOf(span));
      }
    }
  }
  const parents = new Map<string, string>();
  for (const span of spans) {
    const { traceId, parentSpanId, links } = span;
    const parent =
      parentSpanId === ""
        ? (linkedBy.get(keyOf(span)) ?? links.map(keyOf).find((key) => known.has(key)))
        : keyOf({ traceId, spanId: parentSpanId });
    if (parent !== undefined && known.has(parent)) {
      parents.set(keyOf(span), parent);
    }
  }
  return parents;
}

/** Cuts loops of parents, which only a faulty program makes: no part of the page may hang. */
function cutLoops(parents: Map<string, string>): void {
  const safe = new Set<string>();
  for (const key of [...parents.keys()]) {
    const seen = new Set<string>();
    for (let at: string | undefined = key; at !== undefined && !safe.has(at); at = parents.get(at)) {
      if (seen.has(at)) {
        parents.delete(at);
        break;
      }
      seen.add(at);
    }
    for (const one of seen) {
      safe.add(one);
    }
  }
}

/** Sorts by time and counts, without recursion: a chain of spans may be as long as a trace. */
function grown(firsts: Growing[]): readonly Node[] {
  const byTime = (a: Growing, b: Growing) => a.span.startMs - b.span.startMs || b.span.ms - a.span.ms;
  firsts.sort(byTime);
  const all: Growing[] = [];
  const waiting = [...firsts];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    all.push(node);
    node.children.sort(byTime);
    waiting.push(...node.children);
  }
  for (const node of all.toReversed()) {
    node.below = node.children.reduce((sum, child) => sum + 1 + child.below, 0);
  }
  return firsts;
}

/** One line of the waterfall: a span, or what stands for those that are not shown yet. */
export type Row =
  | {
      readonly kind: "span";
      readonly key: string;
      readonly level: number;
      readonly node: Node;
      readonly isOpen: boolean;
    }
  | { readonly kind: "more"; readonly key: string; readonly level: number; readonly left: number };

/** What a person has opened, closed or asked more of, by key. */
export type View = {
  readonly open: ReadonlyMap<string, boolean>;
  readonly shown: ReadonlyMap<string, number>;
};

export const firstView: View = { open: new Map(), shown: new Map() };

/** The children that are shown at once. */
export const childrenAtOnce = 100;

/** Returns the lines to show. `isOpenAtFirst` says what is open until somebody opens or closes it. */
export function rowsOf(firsts: readonly Node[], view: View, isOpenAtFirst: (node: Node) => boolean): readonly Row[] {
  const rows: Row[] = [];
  type Waiting = Row | { readonly kind: "node"; readonly node: Node; readonly level: number };
  const waiting: Waiting[] = [];
  const wait = (key: string, nodes: readonly Node[], level: number) => {
    const shown = view.shown.get(key) ?? childrenAtOnce;
    if (nodes.length > shown) {
      waiting.push({ kind: "more", key, level, left: nodes.length - shown });
    }
    for (const node of nodes.slice(0, shown).toReversed()) {
      waiting.push({ kind: "node", node, level });
    }
  };
  wait("", firsts, 1);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.kind !== "node") {
      rows.push(next);
      continue;
    }
    const { node, level } = next;
    const isOpen = node.children.length > 0 && (view.open.get(node.key) ?? isOpenAtFirst(node));
    rows.push({ kind: "span", key: node.key, level, node, isOpen });
    if (isOpen) {
      wait(node.key, node.children, level + 1);
    }
  }
  return rows;
}

/** Returns what to open at first: level by level, until there are about this many lines. */
export function openAtFirst(firsts: readonly Node[], lines = 200): (node: Node) => boolean {
  const open = new Set<string>();
  let count = Math.min(firsts.length, childrenAtOnce);
  let level: readonly Node[] = firsts;
  while (level.length > 0 && count < lines) {
    for (const { key, children } of level) {
      if (children.length > 0 && count < lines) {
        open.add(key);
        count += Math.min(children.length, childrenAtOnce);
      }
    }
    level = level.flatMap(({ key, children }) => (open.has(key) ? children : []));
  }
  return ({ key }) => open.has(key);
}

/** The time from the first beginning to the last end. */
export function spanOfTime(spans: readonly Span[]): { readonly startMs: number; readonly ms: number } {
  let startMs = Number.POSITIVE_INFINITY;
  let endMs = Number.NEGATIVE_INFINITY;
  for (const span of spans) {
    startMs = Math.min(startMs, span.startMs);
    endMs = Math.max(endMs, span.startMs + span.ms);
  }
  return spans.length === 0 ? { startMs: 0, ms: 0 } : { startMs, ms: endMs - startMs };
}
