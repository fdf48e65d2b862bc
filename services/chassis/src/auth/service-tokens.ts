import { strictFetch } from "../client/fetch.ts";
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
  /** Fetch the first token at once, so that the issuer may be down when it is needed. */
  atStart?: boolean;
};

/** The source of the header `authorization` of a client's calls. */
export type CallTokens = {
  /** The header's value: a promise only while there is no token yet; undefined for a call without a token. */
  authorization(): string | undefined | Promise<string | undefined>;
  /** Reports that a service refused this token. Absent if the token is the caller's, who then gets the refusal. */
  refused?(authorization: string): void;
};

/** The source of a service's own token. */
export type ServiceTokens = CallTokens & AsyncDisposable & { refused(authorization: string): void };

/**
 * Fetches a token by the client credentials grant (RFC 6749, section 4.4), and renews it after three quarters of its
 * lifetime. While the issuer is down, the token is used until it expires; calls without one wait for at most five seconds,
 * and then fail with ISSUER_UNAVAILABLE.
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
            // All services start at once, and the issuer may be ready a little later. A refusal is logged at once.
            const expected = error instanceof TypeError && Date.now() - failingSinceMs < 10_000;
            const level = expected ? "debug" : "warn";
            log[level](
              { error, clientId, waitMs: Math.round(waitMs) },
              "this service's token could not be fetched; trying again",
            );
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
      // renew() has logged the failure, and tries again.
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
          throw authError("ISSUER_UNAVAILABLE", "the issuer gives this service no token for its calls", {}, cause);
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
      // The issuer may have new keys. A token that is new already would be refused again, so it is not fetched for each call.
      if (current?.authorization === authorization && Date.now() - current.askedMs > 1_000) {
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
  const response = await strictFetch(tokenUrl, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(basic).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "client_credentials", audience }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(3_000)]),
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) {
    throw new Error(`${tokenUrl.href} answers ${response.status} ${textOf(answer, "error")} to client ${clientId}`);
  }
  const token = textOf(answer, "access_token");
  const seconds = Number(textOf(answer, "expires_in"));
  if (token === "" || !(seconds > 0)) {
    throw new Error(`${tokenUrl.href} answers without access_token or expires_in`);
  }
  // Not used in its last tenth: it must still be good when it arrives.
  return { authorization: `Bearer ${token}`, askedMs, endMs: askedMs + seconds * 900 } satisfies Token;
}

function textOf(answer: unknown, name: string): string {
  const value: unknown = typeof answer === "object" && answer !== null ? Reflect.get(answer, name) : undefined;
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
