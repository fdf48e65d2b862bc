import { runWithContext } from "../context.ts";
import type { Log } from "../process/log.ts";
import { backoffMs } from "../time/backoff.ts";
import { authError } from "./reasons.ts";

export type ServiceTokenOptions = {
  /** The issuer's token endpoint. */
  tokenUrl: URL;
  clientId: string;
  clientSecret: string;
  audience: string;
  log: Log;
  /** Fetch the first one right away, so that the issuer may be away when it is needed. */
  atStart?: boolean;
};

/** What a client puts into the header `authorization` of its calls. */
export type CallTokens = {
  /** The header's value now; a promise only while there is none yet; undefined for a call without a token. */
  authorization(): string | undefined | Promise<string | undefined>;
  /** A service did not take this one. Absent where the token is somebody else's: then that answer is theirs. */
  refused?(authorization: string): void;
};

/** The token of a service: its own. */
export type ServiceTokens = CallTokens & AsyncDisposable & { refused(authorization: string): void };

/**
 * Fetches a token by the client credentials grant, and the next one when three quarters of its time are over. While
 * the issuer is away the token is kept for as long as it is good; calls that find none wait for one, for at most
 * five seconds, and then fail with ISSUER_UNAVAILABLE.
 */
export function createServiceTokens(options: ServiceTokenOptions): ServiceTokens {
  const { log, clientId } = options;
  const closing = new AbortController();
  let current: Token | undefined;
  let fetching: Promise<Token> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let failingSinceMs = 0;

  function renew(): Promise<Token> {
    fetching ??= fetchToken(options, closing.signal)
      .then(
        (token) => {
          failures = 0;
          current = token;
          renewIn((token.endMs - Date.now()) * 0.75);
          return token;
        },
        (error) => {
          failingSinceMs = failures === 0 ? Date.now() : failingSinceMs;
          const waitMs = backoffMs(failures, { firstMs: 100, longestMs: 10_000 });
          failures++;
          if (!closing.signal.aborted) {
            // All of a shop starts at once, and its issuer may need a moment longer. One that refuses is another matter.
            const expected = error instanceof TypeError && Date.now() - failingSinceMs < 10_000;
            const level = expected ? "debug" : "warn";
            log[level]({ error, clientId, waitMs: Math.round(waitMs) }, "no token of our own; trying again");
            renewIn(waitMs);
          }
          throw error;
        },
      )
      .finally(() => {
        fetching = undefined;
      });
    return fetching;
  }

  function renewIn(ms: number): void {
    clearTimeout(timer);
    if (!closing.signal.aborted) {
      // A failure is in the log, and tried again.
      timer = runWithContext(undefined, () => setTimeout(() => renew().catch(() => {}), Math.min(ms, 2 ** 31 - 1)));
      timer.unref();
    }
  }

  async function waitForToken(): Promise<string> {
    const endMs = Date.now() + waitAtMostMs;
    for (;;) {
      try {
        return (await renew()).authorization;
      } catch (cause) {
        if (closing.signal.aborted || Date.now() > endMs) {
          throw authError("ISSUER_UNAVAILABLE", "the issuer gives no token to call others with", {}, cause);
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  if (options.atStart === true) {
    renewIn(0);
  }
  return {
    authorization: () => (current !== undefined && Date.now() < current.endMs ? current.authorization : waitForToken()),
    refused(authorization) {
      // The issuer may have new keys. A token that is new already is not to blame, and must not be fetched at each call.
      if (current?.authorization === authorization && Date.now() - current.askedMs > 5_000) {
        current = undefined;
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      clearTimeout(timer);
    },
  };
}

type Token = { authorization: string; askedMs: number; endMs: number };

const waitAtMostMs = 5_000;

async function fetchToken({ tokenUrl, clientId, clientSecret, audience }: ServiceTokenOptions, signal: AbortSignal) {
  const askedMs = Date.now();
  // RFC 6749 §2.3.1: both are form-encoded before they become Basic.
  const basic = [clientId, clientSecret].map((part) => encodeURIComponent(part)).join(":");
  const response = await fetch(tokenUrl, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(basic).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "client_credentials", audience }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(3_000)]),
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) {
    throw new Error(`${tokenUrl.href} answers ${response.status} ${said(answer, "error")} to client ${clientId}`);
  }
  const token = said(answer, "access_token");
  const seconds = Number(said(answer, "expires_in"));
  if (token === "" || !(seconds > 0)) {
    throw new Error(`${tokenUrl.href} answers without access_token or expires_in`);
  }
  // Not used in its last tenth: it must still be good when it arrives.
  return { authorization: `Bearer ${token}`, askedMs, endMs: askedMs + seconds * 900 } satisfies Token;
}

function said(answer: unknown, name: string): string {
  const value: unknown = typeof answer === "object" && answer !== null ? Reflect.get(answer, name) : undefined;
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
