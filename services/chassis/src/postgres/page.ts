import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "../errors.ts";

export const pageReasons = defineReasons({ BAD_PAGE_TOKEN: Code.InvalidArgument });

/** A column of the key that a list is ordered by. */
export type KeyPart = string | number | bigint | Date;

type Kinds = { string: string; number: number; bigint: bigint; date: Date };
type Shape = readonly (keyof Kinds)[];
type Key<S extends Shape> = { -readonly [I in keyof S]: Kinds[S[I]] };

/**
 * Makes a token for the page after the row with this key. `of` names the list and its filter: the token works for that list
 * only. A Date has milliseconds: for a column with microseconds, pass it as text (`create_time::text`), or rows within one
 * millisecond are shown twice or never.
 */
export function encodePageToken(key: readonly KeyPart[], of: string): string {
  const parts = key.map((part) => {
    if (part instanceof Date) {
      return part.toISOString();
    }
    return typeof part === "bigint" ? part.toString() : part;
  });
  return Buffer.from(JSON.stringify([of, ...parts])).toString("base64url");
}

/**
 * Reads the key of a token; undefined for "", the first page. `shape` has the types of the key's parts, for example
 * `["date", "string"]`. Throws BAD_PAGE_TOKEN for a token of another list, or an invalid one.
 */
export function decodePageToken<const S extends Shape>(token: string, of: string, shape: S): Key<S> | undefined {
  if (token === "") {
    return undefined;
  }
  const parts = parse(token);
  if (parts?.[0] !== of || parts.length !== shape.length + 1) {
    throw badPageToken();
  }
  // decodePart checks each part against the shape.
  return shape.map((kind, index) => decodePart(kind, parts[index + 1])) as Key<S>;
}

/**
 * Reads the id that a page of a list ordered by id begins after; "" for the first page. Throws BAD_PAGE_TOKEN for an id that
 * does not match the pattern: a forged token may contain anything.
 */
export function decodeIdToken(token: string, of: string, pattern = /^[A-Za-z0-9._~-]{1,63}$/): string {
  const key = decodePageToken(token, of, ["string"]);
  if (key === undefined) {
    return "";
  }
  const [id] = key;
  if (!pattern.test(id)) {
    throw badPageToken();
  }
  return id;
}

/** Makes the token for the page after these rows of a list ordered by id; "" if they do not fill the page. */
export function nextIdToken(rows: readonly { readonly id: string }[], limit: number, of: string): string {
  const last = rows.length === limit ? rows.at(-1) : undefined;
  return last === undefined ? "" : encodePageToken([last.id], of);
}

/** Creates the error for a token whose key has the right shape, but a value that the list cannot have. */
export function badPageToken(): DomainError {
  const message = "page_token is not one that this list gave out; leave it empty to begin again";
  return new DomainError(pageReasons, "BAD_PAGE_TOKEN", message);
}

/** Returns the number of rows for a requested page size: 50 for 0, and at most 200. */
export function pageSize(asked: number): number {
  return asked === 0 ? 50 : Math.min(asked, 200);
}

function parse(token: string): unknown[] | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    return Array.isArray(parts) ? parts : undefined;
  } catch {
    return undefined;
  }
}

/** Reads a part of a forged token only if Postgres can take it: it refuses texts with NUL, for example, and large numbers. */
function decodePart(kind: keyof Kinds, part: unknown): KeyPart {
  if (kind === "number" && typeof part === "number" && Math.abs(part) <= mostNumber) {
    return part;
  }
  if (kind === "string" && typeof part === "string" && !part.includes("\0") && part.isWellFormed()) {
    return part;
  }
  if (kind === "bigint" && typeof part === "string" && /^-?\d{1,19}$/.test(part)) {
    const value = BigInt(part);
    if (BigInt.asIntN(64, value) === value) {
      return value;
    }
  }
  // Not years before Christ or past 9999, which are written in other ways, and which the two read differently.
  if (kind === "date" && typeof part === "string" && isoDate.test(part) && !Number.isNaN(Date.parse(part))) {
    return new Date(part);
  }
  throw badPageToken();
}

/** Of integer columns. */
const mostNumber = 2 ** 31 - 1;
/** The form that Date.toISOString() writes. */
const isoDate = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
