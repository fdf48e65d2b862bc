import { type JsonFields, matching } from "./json.ts";

/**
 * Reads why a provider refuses a request for good, from an answer that has no status of its own. Returns undefined where
 * asking again may help: after a server's error, and after 4xx codes about the credentials, the pace or a conflict.
 */
export function finalRefusal(code: number, { reason, code: word }: JsonFields): string | undefined {
  return code < 400 || code >= 500 || passing.has(code)
    ? undefined
    : (matching(reason, reasonPattern) ?? matching(word, reasonPattern) ?? `http_${code}`);
}

/** The shape of the reasons that providers give. */
const reasonPattern = /^[a-z0-9_]{1,100}$/;

/** Unauthorized, forbidden, proxy's login, timeout, conflict, misdirected, locked, too early, too many requests. */
const passing: ReadonlySet<number> = new Set([401, 403, 407, 408, 409, 421, 423, 425, 429]);
