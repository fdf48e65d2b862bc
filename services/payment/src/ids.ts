import { createHash } from "node:crypto";
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

/** The id of the refund that undoes a payment. Nobody else may choose one of these. */
export function voidRefundId(paymentId: string): string {
  return `${voidPrefix}${paymentId}`;
}

export function isVoidRefundId(refundId: string): boolean {
  return refundId.startsWith(voidPrefix);
}

const voidPrefix = "void-";

/** The same refund id for the same request about the same payment. */
export function refundIdOfRequest(paymentId: string, requestId: string): string {
  return createHash("sha256").update(`${paymentId} ${requestId}`).digest("hex").slice(0, 32);
}
