import type { Results } from "../run.ts";
import { digits, type Row, ratio, rowsOf } from "./table.ts";

/** A target. `met` is undefined if it was not measured in this run. */
export type Target = { readonly what: string; readonly measured: string; readonly met: boolean | undefined };

/** Returns the targets with their results. */
export function targetsOf({ windows, audit }: Results): Target[] {
  const rows = rowsOf(windows.filter(({ batchSize }) => batchSize === undefined));
  const row = (way: Row["way"], callers: number, mix: Row["mix"] = "spread") =>
    rows.find((one) => one.way === way && one.callers === callers && one.mix === mix);
  const batch = row("batch", 256);
  const toUsual = ratio(batch, row("usual", 256));
  const toPlain = ratio(batch, row("plain", 256));
  const [alone, usualAlone] = [row("batch", 1)?.p50Ms, row("usual", 1)?.p50Ms];
  const hot = ratio(row("batch", 256, "hot"), row("batch", 256, "single"));
  const events = batch?.events ?? Number.NaN;
  const wrong = windows.filter((window) => Object.keys(window.wrong).length > 0).length;
  return [
    atLeast("batch saga ÷ usual saga, checkouts/s at 256 callers", toUsual, 40),
    atLeast("batch saga ÷ plain code, checkouts/s at 256 callers", toPlain, 0.6),
    {
      what: "p50 of the batch saga with one caller ≤ that of the usual saga",
      measured: `${digits(alone ?? Number.NaN)} ms, ${digits(usualAlone ?? Number.NaN)} ms`,
      met: alone === undefined || usualAlone === undefined ? undefined : alone <= usualAlone,
    },
    atLeast("one hot product ÷ 10,000 products, checkouts/s at 256 callers", hot, 0.9),
    {
      what: "history events per checkout of the batch saga at 256 callers ≤ 0.5",
      measured: digits(events),
      met: Number.isNaN(events) ? undefined : events <= 0.5,
    },
    {
      what: "every answer is final and as expected",
      measured: `${wrong} windows with wrong answers`,
      met: wrong === 0,
    },
    { what: "audit clean", measured: audit.lines.at(-1) ?? "", met: audit.clean },
  ];
}

function atLeast(what: string, measured: number, least: number): Target {
  return {
    what: `${what} ≥ ${least}`,
    measured: digits(measured),
    met: Number.isNaN(measured) ? undefined : measured >= least,
  };
}
