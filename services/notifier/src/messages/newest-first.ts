import { DomainError } from "@sagacart/chassis/errors";
import { decodePageToken, encodePageToken, pageReasons } from "@sagacart/chassis/postgres/page";

// Pages of lists that are ordered by id, newest first: the ids are UUIDv7, which sort by time.

/** The id that the page begins after; "" for the first page. A token that somebody made up may hold anything. */
export function readPageToken(token: string, list: string): string {
  const [id] = decodePageToken(token, list, ["string"]) ?? [""];
  if (!/^[a-z0-9-]{0,63}$/.test(id)) {
    throw new DomainError(pageReasons, "BAD_PAGE_TOKEN", "page_token is not one that this list gave out");
  }
  return id;
}

/** The token for what comes after these; "" at the end. */
export function nextPageToken(shown: readonly { id: string }[], limit: number, list: string): string {
  const last = shown.length === limit ? shown.at(-1) : undefined;
  return last === undefined ? "" : encodePageToken([last.id], list);
}
