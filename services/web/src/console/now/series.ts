import type {
  GetOrderActivityResponse,
  GetOrderActivityResponse_Second,
} from "@sagacart/proto/order/v1/activity_service";

/** What a chart shows of one second. Latencies are in ms; null where nothing was completed. */
export type Point = {
  readonly second: number;
  readonly created: number;
  readonly completed: number;
  readonly refused: number;
  readonly median: number | null;
  readonly percentile99: number | null;
};

/** How many seconds the charts show. */
const shownSeconds = 300;

/**
 * Adds an answer to the points that are known, without gaps: a second that has no orders is zero. A second that the answer has
 * replaces the one before, since its orders may have ended since.
 */
export function addActivity(known: readonly Point[], { seconds, time }: GetOrderActivityResponse): readonly Point[] {
  if (time === undefined) {
    return known;
  }
  const points = new Map([...known, ...seconds.map(pointOf)].map((point) => [point.second, point]));
  const last = Number(time.seconds) - 1;
  const first = Math.max(last - shownSeconds + 1, Math.min(last - 59, known[0]?.second ?? Number.POSITIVE_INFINITY));
  return Array.from({ length: last - first + 1 }, (_, index) => points.get(first + index) ?? quiet(first + index));
}

function quiet(second: number): Point {
  return { second, created: 0, completed: 0, refused: 0, median: null, percentile99: null };
}

function pointOf({ time, created, completed, refused, median, percentile99 }: GetOrderActivityResponse_Second): Point {
  return {
    second: Number(time?.seconds ?? 0n),
    created,
    completed,
    refused,
    median: msOf(median),
    percentile99: msOf(percentile99),
  };
}

function msOf(duration: { seconds: bigint; nanos: number } | undefined): number | null {
  return duration === undefined ? null : Number(duration.seconds) * 1_000 + duration.nanos / 1e6;
}

/** Returns the mean number of orders a second of the last ones, without the newest seconds, which may not be over. */
export function rateOf(points: readonly Point[], overSeconds = 10): number {
  const last = points.slice(-overSeconds);
  return last.length === 0 ? 0 : last.reduce((sum, { created }) => sum + created, 0) / last.length;
}
