import { DomainError } from "@sagacart/chassis/errors";
import { pageReasons } from "@sagacart/chassis/postgres/page";

export const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Sorts behind every id that was made. */
export const lastUuid = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** Refuses a part of a page token that somebody made up: it may hold anything. */
export function matchOrRefuse(part: string, pattern: RegExp): void {
  if (!pattern.test(part)) {
    throw new DomainError(pageReasons, "BAD_PAGE_TOKEN", "page_token is not one that this list gave out");
  }
}
