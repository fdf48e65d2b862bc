import { DomainError } from "@sagacart/chassis/errors";
import { decodePageToken, encodePageToken, pageReasons } from "@sagacart/chassis/postgres/page";

/** Where a page of a list that is ordered by time and id ends: the time in microseconds, as exact as Postgres has it. */
export type TimeKey = { readonly micros: bigint; readonly id: string };

/** SQL for the microseconds of a timestamptz. */
export function microsOf(column: string): string {
  return `(extract(epoch from ${column}) * 1000000)::bigint`;
}

/** SQL for the timestamptz of microseconds: exact below 2^53, since intervals are multiplied by a double. */
export function timeOf(micros: string): string {
  return `(timestamptz 'epoch' + ${micros}::bigint * interval '1 microsecond')`;
}

/** The token for what comes after the key, in the list `of` only. */
export function writeTimeKey({ micros, id }: TimeKey, of: string): string {
  return encodePageToken([micros, id], of);
}

/** The key in a token; undefined for the first page. What somebody made up throws BAD_PAGE_TOKEN. */
export function readTimeKey(token: string, of: string, idPattern = /^[A-Za-z0-9._~-]{1,63}$/): TimeKey | undefined {
  const key = decodePageToken(token, of, ["bigint", "string"]);
  if (key === undefined) {
    return undefined;
  }
  const [micros, id] = key;
  if (micros < 0n || micros > BigInt(Number.MAX_SAFE_INTEGER) || !idPattern.test(id)) {
    throw new DomainError(pageReasons, "BAD_PAGE_TOKEN", "page_token is not one that this list gave out");
  }
  return { micros, id };
}
