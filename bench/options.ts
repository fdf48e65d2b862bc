import { parseArgs } from "node:util";

/** The compared ways to run an order. */
export const ways = ["batch", "usual", "plain"] as const;
export type Way = (typeof ways)[number];

export type Options = {
  readonly ways: readonly Way[];
  /** True to compare one hot product with many, after the ways. */
  readonly hot: boolean;
  /** The numbers of concurrent callers; a round has a window for each of them and each way. */
  readonly callers: readonly number[];
  /** The numbers of orders at which the batch is held, in place of the comparison; empty for the comparison. */
  readonly batchSizes: readonly number[];
  readonly rounds: number;
  /** The minimum length of a window, also as a multiple of the p99 of its warm-up, and the maximum length. */
  readonly windowMs: number;
  readonly windowLatencies: number;
  readonly windowLimitMs: number;
  /** The length of the warm-up, in which V8 compiles code that runs only a few times per second. */
  readonly warmUpMs: number;
  readonly seed: number;
  /** True to ship orders to an address with the fake carrier, instead of pickup. */
  readonly carrier: boolean;
  /** True to run the notifier, too. */
  readonly notifier: boolean;
  readonly profile: boolean;
  readonly help: boolean;
};

export const usage = `npm run bench -- [options]
  --quick               one round of short windows at 1, 64 and 256 callers
  --callers 1,16,64     the numbers of concurrent callers
  --rounds 3            the number of rounds; the tables show medians
  --windows 10          the minimum length of a window in seconds
  --only batch,hot      some of batch, usual, plain, hot
  --batch-sizes 1,10,100,500
                        in place of the comparison: batches of exactly so many orders, and what a batch costs
                        by itself and for each order, by process
  --seed 1              the seed for the orders
  --carrier             ship to an address with the fake carrier, instead of pickup
  --notifier            run the notifier, which reads the events
  --profile             a CPU profile of each Node process; by default one round at 256 callers`;

/** Parses the command line. Throws an Error that says what is invalid. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      callers: { type: "string" },
      rounds: { type: "string" },
      windows: { type: "string" },
      only: { type: "string" },
      "batch-sizes": { type: "string" },
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
    throw new Error(`--only accepts ${ways.join(", ")}, hot; not ${unknown.join(", ")}`);
  }
  return {
    ways: ways.filter((way) => only.includes(way)),
    hot: only.includes("hot"),
    callers: values.callers === undefined ? usualCallers(quick, profile) : wholeNumbers("--callers", values.callers),
    batchSizes: batchSizesOf(values["batch-sizes"]),
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

function batchSizesOf(text: string | undefined): number[] {
  const sizes = text === undefined ? [] : wholeNumbers("--batch-sizes", text);
  const tooLarge = sizes.find((size) => size > largestBatch);
  if (tooLarge !== undefined) {
    throw new Error(`--batch-sizes accepts numbers up to ${largestBatch}, the most orders of a batch, not ${tooLarge}`);
  }
  return sizes;
}

/** The most that the worker's MAX_BATCH_ORDERS accepts. */
const largestBatch = 1_000;

function wholeNumbers(name: string, text: string): number[] {
  return text.split(",").map((part) => wholeNumber(name, part));
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) {
    throw new Error(`${name} accepts whole numbers from 1, not ${JSON.stringify(text)}`);
  }
  return number;
}
