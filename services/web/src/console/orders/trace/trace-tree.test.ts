import { expect, test } from "vitest";
import type { Span } from "./span.ts";
import { childrenAtOnce, firstView, type Node, openAtFirst, rowsOf, spanOfTime, traceTree } from "./trace-tree.ts";

function aSpan(id: string, more: Partial<Span> = {}): Span {
  const [traceId = "", spanId = ""] = id.split("/");
  return {
    service: "order",
    traceId,
    spanId,
    parentSpanId: "",
    name: id,
    kind: "server",
    startMs: 0,
    ms: 1,
    isError: false,
    statusMessage: "",
    attributes: {},
    links: [],
    ...more,
  };
}

const linkTo = (...ids: string[]) =>
  ids.map((id) => {
    const [traceId = "", spanId = ""] = id.split("/");
    return { traceId, spanId };
  });

/** A tree in short: `a(b, c(d))`. */
function inShort(nodes: readonly Node[]): string {
  return nodes
    .map(({ span, children }) => (children.length === 0 ? span.name : `${span.name}(${inShort(children)})`))
    .join(", ");
}

test.each<[string, readonly Span[], string]>([
  ["nothing", [], ""],
  [
    "children under their parents, sorted by time, whatever the order they came in",
    [
      aSpan("t/c", { parentSpanId: "a", startMs: 2 }),
      aSpan("t/d", { parentSpanId: "b", startMs: 3 }),
      aSpan("t/b", { parentSpanId: "a", startMs: 1 }),
      aSpan("t/a"),
    ],
    "t/a(t/b(t/d), t/c)",
  ],
  [
    "the longer first of two that begin together, since it may have caused the other",
    [aSpan("t/a", { ms: 1 }), aSpan("t/b", { ms: 5 })],
    "t/b, t/a",
  ],
  [
    "a span whose parent is elsewhere, as the click is, among the first",
    [aSpan("t/a", { parentSpanId: "click" })],
    "t/a",
  ],
  [
    "a parent of the same id in another trace for another",
    [aSpan("t/a"), aSpan("u/b", { parentSpanId: "a" })],
    "t/a, u/b",
  ],
  [
    "a batch under the command that links to it",
    [
      aSpan("t/checkout"),
      aSpan("t/command", { parentSpanId: "checkout", startMs: 1, links: linkTo("batch/start") }),
      aSpan("batch/start", { startMs: 2, links: linkTo("t/checkout", "other/checkout") }),
      aSpan("batch/step", { parentSpanId: "start", startMs: 3 }),
    ],
    "t/checkout(t/command(batch/start(batch/step)))",
  ],
  [
    "what only links back under what it links to",
    [aSpan("t/a"), aSpan("t/b", { parentSpanId: "a" }), aSpan("feed/consume", { links: linkTo("gone/x", "t/b") })],
    "t/a(t/b(feed/consume))",
  ],
  ["a batch alone, if its orders' traces are gone", [aSpan("batch/start", { links: linkTo("t/a") })], "batch/start"],
  ["a link to itself as none", [aSpan("t/a", { links: linkTo("t/a") })], "t/a"],
  ["a span that is its own parent", [aSpan("t/a", { parentSpanId: "a" })], "t/a"],
  [
    "two spans that are each other's parents, once each",
    [aSpan("t/a", { parentSpanId: "b" }), aSpan("t/b", { parentSpanId: "a", startMs: 1 })],
    "t/a(t/b)",
  ],
  [
    "two traces that link to each other, once each",
    [aSpan("t/a", { links: linkTo("u/b") }), aSpan("u/b", { startMs: 1, links: linkTo("t/a") })],
    "t/a(u/b)",
  ],
  [
    "a loop with what is below it",
    [
      aSpan("t/a", { parentSpanId: "c" }),
      aSpan("t/b", { parentSpanId: "a" }),
      aSpan("t/c", { parentSpanId: "b" }),
      aSpan("t/d", { parentSpanId: "c" }),
    ],
    "t/a(t/b(t/c(t/d)))",
  ],
  [
    "a loop that is met from below",
    [
      aSpan("t/d", { parentSpanId: "c", startMs: 1 }),
      aSpan("t/a", { parentSpanId: "c" }),
      aSpan("t/b", { parentSpanId: "a" }),
      aSpan("t/c", { parentSpanId: "b" }),
    ],
    "t/c(t/a(t/b), t/d)",
  ],
])("the tree has %s", (_, spans, expected) => {
  expect(inShort(traceTree(spans))).toBe(expected);
});

test("a chain of thousands of spans is no recursion too deep", () => {
  const chain = Array.from({ length: 20_000 }, (_, n) =>
    aSpan(`t/${n}`, n === 0 ? {} : { parentSpanId: `${n - 1}`, startMs: n }),
  );
  const [first] = traceTree(chain);
  expect(first?.below).toBe(19_999);
  expect(rowsOf(first === undefined ? [] : [first], firstView, () => true)).toHaveLength(20_000);
});

const wide = traceTree([
  aSpan("t/a"),
  ...Array.from({ length: 4_999 }, (_, n) => aSpan(`t/a${n}`, { parentSpanId: "a", startMs: n })),
]);

test("of thousands of children some are shown, and more when asked for", () => {
  const rows = rowsOf(wide, firstView, () => true);
  expect(rows).toHaveLength(1 + childrenAtOnce + 1);
  expect(rows.at(-1)).toEqual({ kind: "more", key: "t a", level: 2, left: 4_999 - childrenAtOnce });
  const more = rowsOf(wide, { ...firstView, shown: new Map([["t a", 4_999]]) }, () => true);
  expect(more).toHaveLength(5_000);
});

test("what a person closes has no rows below it, and stays closed", () => {
  const rows = rowsOf(wide, { ...firstView, open: new Map([["t a", false]]) }, () => true);
  expect(rows).toMatchObject([{ kind: "span", level: 1, isOpen: false }]);
});

test("rows come in the order of the tree, each a level below its parent", () => {
  const tree = traceTree([
    aSpan("t/a"),
    aSpan("t/b", { parentSpanId: "a", startMs: 1 }),
    aSpan("t/c", { parentSpanId: "b", startMs: 2 }),
    aSpan("t/d", { parentSpanId: "a", startMs: 3 }),
  ]);
  const rows = rowsOf(tree, firstView, () => true);
  expect(rows.map(({ key, level }) => [key, level])).toEqual([
    ["t a", 1],
    ["t b", 2],
    ["t c", 3],
    ["t d", 2],
  ]);
});

test("at first all of a small trace is open", () => {
  const tree = traceTree([aSpan("t/a"), aSpan("t/b", { parentSpanId: "a" }), aSpan("t/c", { parentSpanId: "b" })]);
  expect(rowsOf(tree, firstView, openAtFirst(tree))).toHaveLength(3);
});

test("at first a large trace is open to a few hundred lines, level by level", () => {
  const large = traceTree([
    aSpan("t/a"),
    ...Array.from({ length: 60 }, (_, n) => aSpan(`t/${n}`, { parentSpanId: "a", startMs: n })),
    ...Array.from({ length: 6_000 }, (_, n) => aSpan(`t/x${n}`, { parentSpanId: `${n % 60}`, startMs: n })),
  ]);
  const rows = rowsOf(large, firstView, openAtFirst(large));
  expect(rows.length).toBeGreaterThan(200);
  expect(rows.length).toBeLessThan(320);
  expect(rows.filter(({ level }) => level === 2)).toHaveLength(60);
});

test("the time goes from the first beginning to the last end", () => {
  const spans = [
    aSpan("t/a", { startMs: 10, ms: 5 }),
    aSpan("t/b", { startMs: 12, ms: 100 }),
    aSpan("t/c", { startMs: 9 }),
  ];
  expect(spanOfTime(spans)).toEqual({ startMs: 9, ms: 103 });
  expect(spanOfTime([])).toEqual({ startMs: 0, ms: 0 });
});
