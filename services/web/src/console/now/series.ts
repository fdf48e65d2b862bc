import type {
  GetOrderActivityResponse,
  GetOrderActivityResponse_Second,
} from "@sagacart/proto/order/v1/activity_service";

/**
 * The values of a chart for one second. Latencies are in ms; null where nothing was completed. The numbers of orders are null for a
 * second that no answer was about.
 */
export type Point = {
  readonly second: number;
  readonly created: number | null;
  readonly completed: number | null;
  readonly refused: number | null;
  readonly median: number | null;
  readonly percentile99: number | null;
  /** How many orders half of the second's batches have at most, and the largest one. */
  readonly medianBatch: number | null;
  readonly largestBatch: number | null;
};

/** How many seconds the charts show. */
const shownSeconds = 300;

/** An answer is about this many seconds, */
const answeredSeconds = 60;
/** and about the newest of this many orders: it leaves out the seconds of which it does not have all. */
const answeredOrders = 20_000;

/**
 * Adds an answer to the points that are known. A second that the answer has replaces the one before, since its orders may have
 * ended since. A second without orders is zero if the answer is about it, and unknown if none was: the page may have been in
 * the background for longer than an answer reaches back.
 */
export function addActivity(known: readonly Point[], { seconds, time }: GetOrderActivityResponse): readonly Point[] {
  if (time === undefined) {
    return known;
  }
  const points = new Map(
    [...known.filter(({ created }) => created !== null), ...seconds.map(pointOf)].map((point) => [point.second, point]),
  );
  const last = Number(time.seconds) - 1;
  const firstAnswered = Math.max(last - answeredSeconds + 1, firstWhole(seconds.map(pointOf)));
  const first = Math.max(
    last - shownSeconds + 1,
    Math.min(last - answeredSeconds + 1, known[0]?.second ?? Number.POSITIVE_INFINITY),
  );
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const second = first + index;
    return points.get(second) ?? without(second, second >= firstAnswered ? 0 : null);
  });
}

/**
 * Returns the first second of an answer that was cut. The answer does not say that it was, but a second that is missing for this
 * has more orders than were left of the limit. It is taken to have no more than the busiest one: if that is wrong, a second
 * without orders is shown as unknown, and not the other way round.
 */
function firstWhole(answered: readonly Point[]): number {
  const created = answered.map((point) => point.created ?? 0);
  const sum = created.reduce((total, number) => total + number, 0);
  return sum + Math.max(0, ...created) >= answeredOrders ? (answered[0]?.second ?? 0) : 0;
}

function without(second: number, orders: 0 | null): Point {
  const none = { median: null, percentile99: null, medianBatch: null, largestBatch: null };
  return { second, created: orders, completed: orders, refused: orders, ...none };
}

function pointOf(answered: GetOrderActivityResponse_Second): Point {
  const { time, created, completed, refused, median, percentile99 } = answered;
  const { batches, medianBatchOrders, largestBatchOrders } = answered;
  return {
    second: Number(time?.seconds ?? 0n),
    created,
    completed,
    refused,
    median: msOf(median),
    percentile99: msOf(percentile99),
    medianBatch: batches === 0 ? null : medianBatchOrders,
    largestBatch: batches === 0 ? null : largestBatchOrders,
  };
}

function msOf(duration: { seconds: bigint; nanos: number } | undefined): number | null {
  return duration === undefined ? null : Number(duration.seconds) * 1_000 + duration.nanos / 1e6;
}

/** Returns the mean number of orders a second of the last seconds, of those that are known. */
export function rateOf(points: readonly Point[], overSeconds = 10): number {
  const last = points.slice(-overSeconds).flatMap(({ created }) => (created === null ? [] : [created]));
  return last.length === 0 ? 0 : last.reduce((sum, created) => sum + created, 0) / last.length;
}
