import "uplot/dist/uPlot.min.css";
import { useMantineTheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import UPlot from "uplot";
import { useShow } from "../use-show.ts";

export type Line = {
  readonly label: string;
  readonly color: string;
  readonly dashed?: boolean;
  readonly values: readonly (number | null)[];
  /** Draws the line on over seconds without a value. Otherwise it has a gap there. */
  readonly bridged?: boolean;
};

/** A chart over time. Screen readers get `summary` in its place. */
export function Chart({
  label,
  summary,
  seconds,
  lines,
  unit,
}: {
  label: string;
  summary: string;
  seconds: readonly number[];
  lines: readonly Line[];
  unit: string;
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(undefined);
  const theme = useMantineTheme();
  const { count, locale } = useShow();
  const names = lines.map((line) => `${line.label} ${line.color} ${line.bridged}`).join();
  // The lines' values are set below; a new chart is needed for other lines and another language only.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `names` stands for the lines without their values, and `locale` for how numbers are shown
  useEffect(() => {
    const element = place.current;
    if (element === null) {
      return;
    }
    const text = getComputedStyle(element).color;
    const clock = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });
    const axis = { stroke: text, grid: { stroke: "#8884", width: 1 }, ticks: { stroke: "#8884" } };
    const made = new UPlot(
      {
        width: element.clientWidth,
        height: 190,
        legend: { live: false },
        cursor: { show: false },
        series: [
          {},
          ...lines.map((line) => ({
            label: line.label,
            stroke: theme.colors[line.color]?.[7] ?? line.color,
            width: 2,
            ...(line.dashed === true ? { dash: [6, 4] } : {}),
            spanGaps: line.bridged === true,
            // A value between seconds without any would not be seen as a line.
            points: { show: line.bridged === true, size: 4 },
          })),
        ],
        axes: [
          // A time with its seconds is wider than what uPlot reckons with.
          { ...axis, space: 90, values: (_plot, ticks) => ticks.map((tick) => clock.format(tick * 1_000)) },
          { ...axis, size: 58, values: (_plot, ticks) => ticks.map((tick) => `${count(tick)} ${unit}`.trim()) },
        ],
        scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max ?? 1) * 1.1] } },
      },
      [[], ...lines.map(() => [])],
      element,
    );
    plot.current = made;
    const resizing = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: 190 }));
    resizing.observe(element);
    return () => {
      resizing.disconnect();
      made.destroy();
    };
  }, [names, unit, theme, locale]);
  useEffect(() => {
    plot.current?.setData([[...seconds], ...lines.map(({ values }) => [...values])]);
  }, [seconds, lines]);
  return (
    <figure aria-label={label}>
      <figcaption>{label}</figcaption>
      <div ref={place} role="img" aria-label={`${label}: ${summary}`} />
    </figure>
  );
}
