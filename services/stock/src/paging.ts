import { badPageToken, pageSize } from "@sagacart/chassis/postgres/page";

// A response may have 4 MiB; this leaves room for the rest of it.
const maxPageBytes = 3 * 1024 * 1024;

/** Returns the number of rows to select: one more than the page holds, to see if there is a next one. */
export function rowsFor(asked: number): number {
  return pageSize(asked) + 1;
}

/**
 * Cuts rows to a page: at most as many as requested, fewer if they are large. `last` is the page's last row if there is
 * a next page. `bytesOf` returns an upper bound of a row's size.
 */
export function pageOf<T>(
  rows: readonly T[],
  asked: number,
  bytesOf: (row: T) => number = () => 0,
): { page: T[]; last: T | undefined } {
  let bytes = 0;
  const fitting = rows.slice(0, pageSize(asked)).filter((row, index) => {
    bytes += bytesOf(row);
    return index === 0 || bytes <= maxPageBytes;
  });
  return { page: fitting, last: fitting.length < rows.length ? fitting.at(-1) : undefined };
}

/** Returns an id read from a page token, or throws BAD_PAGE_TOKEN: tokens are input like any other. */
export function readId(id: string): string {
  if (!/^[A-Za-z0-9._~-]{1,63}$/.test(id)) {
    throw badPageToken();
  }
  return id;
}

/** Returns a bigint read from a page token, or throws BAD_PAGE_TOKEN if a Postgres bigint cannot hold it. */
export function readBigint(number: bigint): bigint {
  if (BigInt.asIntN(64, number) !== number) {
    throw badPageToken();
  }
  return number;
}
