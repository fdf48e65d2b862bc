import type { Parser } from "@sagacart/chassis/process/config";

/** A span of time as people write it, in milliseconds: `90d`, `36h`, `15m` or `30s`; at most ten years. */
export function span(fallback: string): Parser<number> {
  return (value) => {
    const given = value ?? fallback;
    const [, count = "", unit = ""] = /^(\d{1,9})([dhms])$/.exec(given) ?? [];
    const ms = Number(count) * (unitMs.get(unit) ?? Number.NaN);
    if (!(ms > 0 && ms <= tenYearsMs)) {
      throw new Error(`must be a span such as 90d, 36h, 15m or 30s, at most 3650d, got ${JSON.stringify(given)}`);
    }
    return ms;
  };
}

const dayMs = 86_400_000;
const tenYearsMs = 3_650 * dayMs;
const unitMs: ReadonlyMap<string, number> = new Map([
  ["d", dayMs],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
]);
