import type { IncomingMessage, ServerResponse } from "node:http";

/** The names of the cookies of a sign-in, as oidc-provider knows them. */
export const signInCookies = { interaction: "sagacart_sign_in", resume: "sagacart_sign_in_resume" } as const;

/** How many sign-ins that have begun a browser keeps: one for each tab. With more, the oldest ones are dropped. */
export const mostSignIns = 8;

/**
 * Gives each sign-in cookies with names of its own: `__Host-sagacart_sign_in.<uid>` on HTTPS. Browsers take a `__Host-`
 * cookie from this host alone and send it to all paths, so two tabs that sign in need two names; oidc-provider has one name
 * and a path for each sign-in instead. It goes on to see its own names: in a request those of the sign-in whose path is
 * asked for, and those that it sets are renamed, with the uid in their path.
 */
export function nameSignInCookies(request: IncomingMessage, response: ServerResponse, isSecure: boolean): void {
  const browser = { prefix: isSecure ? "__Host-" : "", path: isSecure ? "/" : "/oidc", isSecure };
  const pairs = (request.headers.cookie ?? "").split(";").map((pair) => readPair(pair.trim(), browser));
  // Browsers send the oldest cookies first.
  const begun = [...new Set(pairs.flatMap(({ uid }) => uid ?? []))];
  // No browser sends more of them. Each is looked up.
  signIns.set(request, begun.slice(-mostSignIns));
  const path = request.url?.split("?", 1)[0] ?? "";
  const current = path.split("/").find((part) => begun.includes(part));
  if (begun.length > 0) {
    const seen = pairs.filter(({ uid }) => uid === undefined || uid === current);
    request.headers.cookie = seen.map(({ pair }) => pair).join("; ");
  }
  const writeHead = response.writeHead.bind(response) as (...given: unknown[]) => ServerResponse;
  // All ways to send an answer lead here, after the last cookie was set.
  response.writeHead = (...given: unknown[]) => {
    const set = [response.getHeader("set-cookie") ?? []].flat().map(String);
    if (set.some((cookie) => setByProvider.test(cookie))) {
      response.setHeader("set-cookie", forBrowser(set, { browser, begun, current }));
    }
    return writeHead(...given);
  };
}

const signIns = new WeakMap<IncomingMessage, readonly string[]>();

/** Returns the uids of the sign-ins that a request has cookies of, oldest first. Nothing has verified them. */
export function signInsOf(request: IncomingMessage): readonly string[] {
  return signIns.get(request) ?? [];
}

type Browser = { readonly prefix: string; readonly path: string; readonly isSecure: boolean };

const setByProvider = /^(sagacart_sign_in(?:_resume)?)(\.sig)?=/;
const keptByBrowser = /^(sagacart_sign_in(?:_resume)?)\.([\w-]+?)(\.sig)?=/;

/** Reads a cookie of a request: as the provider knows it, and with the uid if it is of a sign-in. */
function readPair(pair: string, { prefix }: Browser): { readonly pair: string; readonly uid: string | undefined } {
  const found = pair.startsWith(prefix) ? keptByBrowser.exec(pair.slice(prefix.length)) : null;
  if (found === null) {
    return { pair, uid: undefined };
  }
  const [all, name = "", uid, signature = ""] = found;
  return { pair: `${name}${signature}=${pair.slice(prefix.length + all.length)}`, uid };
}

/**
 * Returns the cookies of an answer as browsers shall keep them. With a sign-in's last cookie its others end, and with a new
 * sign-in the oldest ones that are too many.
 */
function forBrowser(
  set: readonly string[],
  { browser, begun, current }: { browser: Browser; begun: readonly string[]; current: string | undefined },
): string[] {
  const own: string[] = [];
  const begins = new Set<string>();
  const ended = new Set<string>();
  for (const cookie of set) {
    const [all, name, signature = ""] = setByProvider.exec(cookie) ?? [];
    if (all === undefined || name === undefined) {
      own.push(cookie);
      continue;
    }
    // Signed anew with another key, a cookie has no path of a sign-in.
    const uid = /; path=\/oidc\/(?:sign-in|auth)\/([\w-]+)(?:\/\w+)?(?:;|$)/i.exec(cookie)?.[1] ?? current;
    const [value = "", ...attributes] = cookie.slice(all.length).split(/; */);
    if (uid === undefined) {
      continue;
    }
    if (value === "") {
      ended.add(uid);
    } else {
      begins.add(uid);
      const kept = attributes.filter((attribute) => !/^path=/i.test(attribute));
      own.push([`${browser.prefix}${name}.${uid}${signature}=${value}`, `path=${browser.path}`, ...kept].join("; "));
    }
  }
  const others = begun.filter((uid) => !begins.has(uid) && !ended.has(uid));
  const tooMany = others.slice(0, Math.max(0, others.length + begins.size - mostSignIns));
  return [...own, ...[...ended, ...tooMany].flatMap((uid) => endOf(uid, browser))];
}

/** Returns what ends all cookies of a sign-in. */
function endOf(uid: string, { prefix, path, isSecure }: Browser): string[] {
  const secure = isSecure ? "; secure" : "";
  return Object.values(signInCookies).flatMap((name) =>
    ["", ".sig"].map(
      (signature) =>
        `${prefix}${name}.${uid}${signature}=; path=${path}; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly; samesite=lax${secure}`,
    ),
  );
}
