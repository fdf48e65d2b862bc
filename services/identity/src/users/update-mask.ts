import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "../reasons.ts";

/** Returns the fields to change: those in the mask, or without a mask those that are set. Throws BAD_UPDATE_MASK. */
export function changedFields<const F extends string>(
  paths: readonly string[],
  fields: Readonly<Record<F, boolean>>,
): ReadonlySet<F> {
  const known = Object.keys(fields).filter((field): field is F => field in fields);
  const unknown = paths.find((path) => known.every((field) => field !== path));
  if (unknown !== undefined) {
    const message = `update_mask names ${unknown}; only ${known.join(" and ")} can be changed`;
    throw new DomainError(reasons, "BAD_UPDATE_MASK", message, { path: unknown });
  }
  return new Set(known.filter((field) => (paths.length === 0 ? fields[field] : paths.includes(field))));
}

/** Parses an etag; "" is undefined. Throws ETAG_MISMATCH for a text that is not an etag. */
export function versionOf(etag: string): bigint | undefined {
  if (etag === "") {
    return undefined;
  }
  if (!/^\d{1,18}$/.test(etag)) {
    throw etagMismatch();
  }
  return BigInt(etag);
}

/** Makes the error for an outdated etag. */
export function etagMismatch(): DomainError {
  return new DomainError(
    reasons,
    "ETAG_MISMATCH",
    "the etag is outdated; read the resource and apply the change again",
  );
}
