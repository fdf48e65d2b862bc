import { parseArgs } from "node:util";

/** The ways to carry an order out that are compared. */
export const ways = ["batch", "usual", "plain"] as const;
export type Way = (typeof ways)[number];

export type Options = {
  readonly ways: readonly Way[];
  /** Compare one hot product with many, after the ways. */
  readonly hot: boolean;
  /** How many callers at once, one window for each and each way, per round. */
  readonly callers: readonly number[];
  readonly rounds: number;
  /** A window is at least this long, and at least so many times the p99 of its warm-up, up to a limit. */
  readonly windowMs: number;
  readonly windowLatencies: number;
  readonly windowLimitMs: number;
  /** How long there are calls before the window: V8 takes its time to compile what runs a few times a second. */
  readonly warmUpMs: number;
  readonly seed: number;
  /** Orders go to an address by a carrier (the fake one) in place of being fetched. */
  readonly carrier: boolean;
  /** The notifier reads along. */
  readonly notifier: boolean;
  readonly profile: boolean;
  readonly help: boolean;
};

export const usage = `npm run bench -- [options]
  --quick               one round of short windows at 1, 64 and 256 callers
  --callers 1,16,64     how many callers at once
  --rounds 3            how often everything is measured; the table tells medians
  --windows 10          the shortest window in seconds
  --only batch,hot      some of batch, usual, plain, hot
  --seed 1              of the orders
  --carrier             ship to an address, by the fake carrier, in place of pickup
  --notifier            have the notifier read the events meanwhile
  --profile             a CPU profile of each Node process; with it one round at 256 callers, unless told otherwise`;

/** Reads the command line. Throws a sentence for what it does not understand. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      callers: { type: "string" },
      rounds: { type: "string" },
      windows: { type: "string" },
      only: { type: "string" },
      seed: { type: "string", default: "1" },
      carrier: { type: "boolean", default: false },
      notifier: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { quick, profile } = values;
  const only = values.only?.split(",") ?? [...ways, "hot"];
  const unknown = only.filter((name) => name !== "hot" && !ways.some((way) => way === name));
  if (unknown.length > 0) {
    throw new Error(`--only takes some of ${ways.join(", ")}, hot; not ${unknown.join(", ")}`);
  }
  return {
    ways: ways.filter((way) => only.includes(way)),
    hot: only.includes("hot"),
    callers: values.callers?.split(",").map((text) => wholeNumber("--callers", text)) ?? usualCallers(quick, profile),
    rounds: values.rounds === undefined ? (quick || profile ? 1 : 3) : wholeNumber("--rounds", values.rounds),
    windowMs:
      values.windows === undefined ? (quick ? 4_000 : 10_000) : wholeNumber("--windows", values.windows) * 1_000,
    windowLatencies: quick ? 2 : 3,
    windowLimitMs: quick ? 30_000 : 120_000,
    warmUpMs: quick ? 5_000 : 15_000,
    seed: wholeNumber("--seed", values.seed),
    carrier: values.carrier,
    notifier: values.notifier,
    profile,
    help: values.help,
  };
}

function usualCallers(quick: boolean, profile: boolean): number[] {
  if (profile) {
    return [256];
  }
  return quick ? [1, 64, 256] : [1, 16, 64, 256, 1_024];
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) {
    throw new Error(`${name} takes whole numbers from 1, not ${JSON.stringify(text)}`);
  }
  return number;
}
