import type { Mix } from "../mix.ts";
import type { Way } from "../options.ts";

/** Messages to a process of callers. */
export type ToCallers =
  | { kind: "run"; way: Way; mix: Mix; carrier: boolean; seeds: number[] }
  | { kind: "look" }
  /** Stop: send no new orders, wait for open answers, then report those that arrived in this time. */
  | { kind: "stop"; fromMs: number; toMs: number };

/** Messages from a process of callers; "ready" is sent once at the start, the others are answers. */
export type FromCallers = { kind: "ready" } | ({ kind: "progress" } & Progress) | ({ kind: "result" } & Answers);

/** The progress of a run. */
export type Progress = {
  /** The number of callers that have had an answer. */
  readonly served: number;
  /** The latencies of all answers so far, in ms. */
  readonly latencies: number[];
};

/** The answers of a window. */
export type Answers = {
  readonly latencies: number[];
  /** The number of answers by outcome: COMPLETED, OUT_OF_STOCK … */
  readonly outcomes: Record<string, number>;
  /** Errors and wrong outcomes with their counts, over the whole run, not only the window. */
  readonly wrong: Record<string, number>;
};

/** Returns milliseconds of a clock that all processes of the machine share. */
export function clockMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
