import type { Mix } from "../mix.ts";
import type { Way } from "../options.ts";

/** The options of a process of callers. */
export type ToCallers =
  | { kind: "run"; way: Way; mix: Mix; carrier: boolean; seeds: number[] }
  | { kind: "look" }
  /** No new orders; when those under way are answered, tell what was answered in this time. */
  | { kind: "stop"; fromMs: number; toMs: number };

/** Its answers; "ready" comes by itself. */
export type FromCallers = { kind: "ready" } | ({ kind: "progress" } & Progress) | ({ kind: "result" } & Answers);

/** How far a run is. */
export type Progress = {
  /** Callers that have had an answer. */
  readonly served: number;
  /** The latencies of all answers so far, in ms. */
  readonly latencies: number[];
};

/** The answers of one window. */
export type Answers = {
  readonly latencies: number[];
  /** How many answers by outcome: COMPLETED, OUT_OF_STOCK … */
  readonly outcomes: Record<string, number>;
  /** Of the whole run, not just the window: what must not be. Each with how often. */
  readonly wrong: Record<string, number>;
};

/** Milliseconds of a clock that all processes of the machine share. */
export function clockMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
