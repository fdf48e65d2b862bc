import { badPageToken, decodePageToken, encodePageToken } from "@sagacart/chassis/postgres/page";

/** The key of a row in a list ordered by time and id. Microseconds are the precision of Postgres. */
export type TimeKey = { readonly micros: bigint; readonly id: string };

/** SQL that converts a timestamptz to microseconds since the epoch. */
export function microsOf(column: string): string {
  return `(extract(epoch from ${column}) * 1000000)::bigint`;
}

/** SQL that converts microseconds to a timestamptz. Exact below 2^53, since Postgres multiplies intervals by a double. */
export function timeOf(micros: string): string {
  return `(timestamptz 'epoch' + ${micros}::bigint * interval '1 microsecond')`;
}

/** Makes the token of the page after the key. It is valid for the list `of` only. */
export function writeTimeKey({ micros, id }: TimeKey, of: string): string {
  return encodePageToken([micros, id], of);
}

/** Reads the key in a token; undefined for the first page. Throws BAD_PAGE_TOKEN for a token of another list or a forged one. */
export function readTimeKey(token: string, of: string, idPattern = /^[A-Za-z0-9._~-]{1,63}$/): TimeKey | undefined {
  const key = decodePageToken(token, of, ["bigint", "string"]);
  if (key === undefined) {
    return undefined;
  }
  const [micros, id] = key;
  if (micros < 0n || micros > BigInt(Number.MAX_SAFE_INTEGER) || !idPattern.test(id)) {
    throw badPageToken();
  }
  return { micros, id };
}
