import { type KeyboardEvent, type MouseEvent, type ReactNode, useMemo, useRef, useState } from "react";
import { useTexts } from "../../../i18n/language.tsx";
import { Facts } from "../../list.tsx";
import type { Show } from "../../show.ts";
import { useShow } from "../../use-show.ts";
import type { Span } from "./span.ts";
import { traceTexts } from "./trace-texts.ts";
import {
  childrenAtOnce,
  firstView,
  openAtFirst,
  type Row,
  rowsOf,
  spanOfTime,
  traceTree,
  type View,
} from "./trace-tree.ts";
import classes from "./waterfall.module.css";

type SpanRow = Extract<Row, { kind: "span" }>;
type Time = { readonly startMs: number; readonly ms: number };

/**
 * Shows spans as a waterfall: a line each, below the span that caused it, with a bar from its beginning to its end. By keyboard it
 * is a tree grid (ARIA): arrows move, open and close, and Enter shows a span's details. Of a large trace a part is shown at first.
 */
export function Waterfall({ spans }: { spans: readonly Span[] }) {
  const text = useTexts(traceTexts);
  const show = useShow();
  const tree = useMemo(() => traceTree(spans), [spans]);
  const time = useMemo(() => spanOfTime(spans), [spans]);
  const isOpenAtFirst = useMemo(() => openAtFirst(tree), [tree]);
  const colors = useMemo(() => colorsOf(spans), [spans]);
  const [view, setView] = useState<View>(firstView);
  const [focused, setFocused] = useState<string>();
  const [selected, setSelected] = useState<string>();
  const body = useRef<HTMLTableSectionElement>(null);
  const rows = useMemo(() => rowsOf(tree, view, isOpenAtFirst), [tree, view, isOpenAtFirst]);
  const at = Math.max(
    0,
    rows.findIndex((row) => idOf(row) === focused),
  );

  const open = (key: string, isOpen: boolean) => setView({ ...view, open: new Map([...view.open, [key, isOpen]]) });
  const showMore = (key: string) => {
    const shown = (view.shown.get(key) ?? childrenAtOnce) + 2 * childrenAtOnce;
    setView({ ...view, shown: new Map([...view.shown, [key, shown]]) });
  };
  const focus = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (row !== undefined) {
      setFocused(idOf(row));
      body.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(idOf(row))}"]`)?.focus();
    }
  };
  const activate = (row: Row) => {
    setFocused(idOf(row));
    if (row.kind === "more") {
      showMore(row.key);
    } else {
      setSelected(selected === row.key ? undefined : row.key);
    }
  };
  const press = (event: KeyboardEvent) => {
    const row = rows[at];
    const action = row === undefined ? undefined : actionOf(event.key, row);
    if (row === undefined || action === undefined || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    event.preventDefault();
    switch (action) {
      case "activate":
        return activate(row);
      case "open":
      case "close":
        return open(row.key, action === "open");
      case "parent":
        return focus(rows.findLastIndex((other, index) => index < at && other.level < row.level));
      case "first":
        return focus(0);
      case "last":
        return focus(rows.length - 1);
      default:
        return focus(at + action);
    }
  };
  const click = (row: Row) => (event: MouseEvent) => {
    const isToggle = event.target instanceof Element && event.target.closest("[data-toggle]") !== null;
    if (isToggle && row.kind === "span") {
      setFocused(idOf(row));
      open(row.key, !row.isOpen);
    } else {
      activate(row);
    }
  };

  return (
    <>
      <ul className={classes.legend} aria-label={text.services}>
        {[...colors].map(([service, color]) => (
          <li key={service}>
            <span className={classes.swatch} style={{ background: color }} />
            {service}
          </li>
        ))}
      </ul>
      <div className={classes.scroll}>
        {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: ARIA's pattern for a table whose rows open */}
        <table role="treegrid" aria-label={text.trace} className={classes.grid}>
          <thead>
            <tr>
              <th scope="col" style={{ width: "38%" }}>
                {text.span}
              </th>
              <th scope="col" style={{ width: "9%" }}>
                {text.service}
              </th>
              <th scope="col" style={{ width: "9%" }} className={classes.number}>
                {text.start}
              </th>
              <th scope="col" style={{ width: "9%" }} className={classes.number}>
                {text.duration}
              </th>
              <th scope="col">
                <div className={classes.scale} aria-label={text.scale(durationText(time.ms, show))} role="img">
                  <span>0</span>
                  <span>{durationText(time.ms / 2, show)}</span>
                  <span>{durationText(time.ms, show)}</span>
                </div>
              </th>
            </tr>
          </thead>
          <tbody ref={body} onKeyDown={press}>
            {rows.map((row, index) => {
              const shared = {
                "data-row": idOf(row),
                "aria-level": row.level,
                tabIndex: index === at ? 0 : -1,
                onClick: click(row),
                onFocus: () => setFocused(idOf(row)),
              };
              return row.kind === "more" ? (
                <tr key={idOf(row)} className={classes.row} {...shared}>
                  <td colSpan={5} style={indent(row.level)}>
                    {text.more(show.count(row.left), show.count(Math.min(row.left, 2 * childrenAtOnce)))}
                  </td>
                </tr>
              ) : (
                <SpanLine
                  key={idOf(row)}
                  row={row}
                  time={time}
                  color={colors.get(row.node.span.service)}
                  shared={shared}
                >
                  {selected === row.key && <Details span={row.node.span} time={time} level={row.level} />}
                </SpanLine>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Tells the row of what is left of some children from that of their parent. */
function idOf({ kind, key }: Row): string {
  return `${kind} ${key}`;
}

type Action = "activate" | "open" | "close" | "parent" | "first" | "last" | number;

function actionOf(key: string, row: Row): Action | undefined {
  const isOpen = row.kind === "span" && row.isOpen;
  const isClosed = row.kind === "span" && !row.isOpen && row.node.children.length > 0;
  switch (key) {
    case "ArrowDown":
      return 1;
    case "ArrowUp":
      return -1;
    case "PageDown":
      return 20;
    case "PageUp":
      return -20;
    case "ArrowRight":
      return isClosed ? "open" : isOpen ? 1 : undefined;
    case "ArrowLeft":
      return isOpen ? "close" : row.level > 1 ? "parent" : undefined;
    case "Home":
      return "first";
    case "End":
      return "last";
    case "Enter":
    case " ":
      return "activate";
    default:
      return undefined;
  }
}

function SpanLine({
  row: { node, level, isOpen, key },
  time,
  color,
  shared,
  children,
}: {
  row: SpanRow;
  time: Time;
  color: string | undefined;
  shared: object;
  children: ReactNode;
}) {
  const text = useTexts(traceTexts);
  const show = useShow();
  const { span, below } = node;
  const hasDetails = children !== false;
  return (
    <>
      <tr
        className={`${classes.row} ${hasDetails ? classes.selected : ""}`}
        aria-selected={hasDetails}
        {...(node.children.length > 0 ? { "aria-expanded": isOpen } : {})}
        {...shared}
      >
        <td style={indent(level)} title={span.name}>
          <span className={classes.toggle} data-toggle={key} aria-hidden="true">
            {node.children.length === 0 ? "" : isOpen ? "▾" : "▸"}
          </span>
          {span.isError && <span className={classes.error}>{text.failed} </span>}
          {shortName(span.name)}
          {!isOpen && below > 0 && ` (+${show.count(below)})`}
        </td>
        <td>{span.service}</td>
        <td className={classes.number}>{startText(span.startMs - time.startMs, show)}</td>
        <td className={classes.number}>{durationText(span.ms, show)}</td>
        <td>
          <div className={classes.track}>
            <div
              className={`${classes.bar} ${span.isError ? classes.failed : ""}`}
              style={{
                background: color,
                left: `${percent(span.startMs - time.startMs, time.ms)}%`,
                width: `${percent(span.ms, time.ms)}%`,
              }}
            />
          </div>
        </td>
      </tr>
      {children}
    </>
  );
}

function Details({ span, time, level }: { span: Span; time: Time; level: number }) {
  const text = useTexts(traceTexts);
  const show = useShow();
  const { attributes, links } = span;
  return (
    <tr aria-level={level + 1}>
      <td colSpan={5} className={classes.details}>
        <Facts
          facts={[
            [text.span, span.name],
            [text.service, span.service],
            [text.kind, span.kind],
            [
              text.began,
              text.afterFirst(new Date(span.startMs).toISOString(), durationText(span.startMs - time.startMs, show)),
            ],
            [text.duration, durationText(span.ms, show)],
            [text.error, span.isError && (span.statusMessage || String(attributes["error.type"] ?? text.yes))],
            [text.trace, span.traceId],
            [text.spanId, span.spanId],
            [text.linkedTraces, links.length > 0 && linkText(links, { text, show })],
            ...Object.entries(attributes).map(([name, value]): [string, string] => [name, String(value)]),
          ]}
        />
      </td>
    </tr>
  );
}

const mostLinks = 10;

type Wording = { readonly text: (typeof traceTexts)["en"]; readonly show: Show };

function linkText(links: Span["links"], { text, show }: Wording): string {
  const ids = [...new Set(links.map(({ traceId }) => traceId))];
  const shown = ids.slice(0, mostLinks).join(", ");
  return ids.length > mostLinks ? text.idsAndMore(shown, show.count(ids.length - mostLinks)) : shown;
}

/** Leaves out the package of a method of ours: `OrderService/Checkout`. */
function shortName(name: string): string {
  return name.replace(/\bsagacart\.\w+\.v\d+\./, "");
}

/** A deep trace goes on at the same place: the name must have room. */
function indent(level: number) {
  return { paddingLeft: `${8 + 14 * Math.min(level - 1, 24)}px` };
}

function percent(ms: number, whole: number): number {
  return whole === 0 ? 0 : Math.max(0, Math.min(100, (100 * ms) / whole));
}

/** Formats a duration; a statement takes a fraction of a millisecond. */
function durationText(ms: number, { decimals, spanOfMs }: Show): string {
  return Math.abs(ms) < 10 ? `${decimals(ms, { most: 2 })} ms` : spanOfMs(ms);
}

/** Formats a beginning so that those of one second can be told apart. */
function startText(ms: number, show: Show): string {
  return ms < 1_000 || ms >= 60_000 ? durationText(ms, show) : `${show.decimals(ms / 1_000, { least: 3, most: 3 })} s`;
}

const palette = ["indigo", "teal", "orange", "grape", "cyan", "lime", "pink", "yellow", "violet", "green", "gray"];

/** The same services have the same colors in each trace of this shop, as far as they come in the same order. */
function colorsOf(spans: readonly Span[]): ReadonlyMap<string, string> {
  const services = [...new Set(spans.map(({ service }) => service))].sort();
  return new Map(
    services.map((service, index) => [service, `var(--mantine-color-${palette[index % palette.length]}-6)`]),
  );
}
