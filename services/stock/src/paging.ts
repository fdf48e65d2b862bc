import { DomainError } from "@sagacart/chassis/errors";
import { pageReasons, pageSize } from "@sagacart/chassis/postgres/page";

// An answer may have 4 MiB.
const maxPageBytes = 3 * 1024 * 1024;

/** How many rows to ask for, to know whether there is a page after this one. */
export function rowsFor(asked: number): number {
  return pageSize(asked) + 1;
}

/**
 * The rows of a page, fewer than asked for where they are large, and the last of them when there is a page after it.
 * `bytesOf` says how large one is at most.
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

/** An id out of a page token, in which somebody may have written anything. */
export function readId(id: string): string {
  if (!/^[A-Za-z0-9._~-]{1,63}$/.test(id)) {
    throw badPageToken();
  }
  return id;
}

/** A bigint out of a page token, that Postgres can hold. */
export function readBigint(number: bigint): bigint {
  if (BigInt.asIntN(64, number) !== number) {
    throw badPageToken();
  }
  return number;
}

function badPageToken(): DomainError {
  const message = "page_token is not one that this list gave out; leave it empty to begin again";
  return new DomainError(pageReasons, "BAD_PAGE_TOKEN", message);
}
