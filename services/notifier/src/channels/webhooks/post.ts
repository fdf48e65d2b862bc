import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { AddressBook } from "./address-book.ts";

/** One request, as it is to go out. */
export type Post = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** What came of it. Without an answer the status is 0, and `error` says why. */
export type Answer = {
  readonly status: number;
  readonly durationMs: number;
  readonly error: string;
  /** The beginning of the body. */
  readonly text: string;
  /** What the endpoint asked for by Retry-After. */
  readonly retryAfterMs: number | undefined;
};

export type Poster = Disposable & {
  /** Never throws. An aborted signal ends it with status 0. */
  post(post: Post, options: { timeoutMs: number; signal?: AbortSignal }): Promise<Answer>;
};

/**
 * Sends requests to URLs that somebody else chose: only to addresses that the book allows, following no redirect,
 * reading no more than 64 KiB of what comes back. Connections are kept for a few seconds and used again.
 */
export function createPoster({ addressBook, ca }: { addressBook: AddressBook; ca?: string[] | undefined }): Poster {
  const keeping = { keepAlive: true, maxFreeSockets: 16, timeout: 5_000 };
  const agents = {
    "http:": new HttpAgent(keeping),
    "https:": new HttpsAgent({ ...keeping, ...(ca === undefined ? {} : { ca }) }),
  };
  const send = async ({ url: text, headers, body }: Post, signal: AbortSignal): Promise<IncomingMessage> => {
    const url = new URL(text);
    if (isIP(url.hostname.replace(/^\[(.*)\]$/, "$1")) !== 0) {
      // It is connected to without being looked up.
      await addressBook.addressesOf(url.hostname);
    }
    const options = { method: "POST", lookup: addressBook.lookup, signal };
    const start = () =>
      url.protocol === "https:"
        ? httpsRequest(url, { ...options, agent: agents["https:"] })
        : httpRequest(url, { ...options, agent: agents["http:"] });
    const sendBy = async (request: ClientRequest) => await answerTo(request, { ...fixedHeaders, ...headers }, body);
    const first = start();
    try {
      return await sendBy(first);
    } catch (error) {
      // The other side closed a kept connection just as it was used again: that is nobody's failure.
      if (first.reusedSocket && isReset(error)) {
        return await sendBy(start());
      }
      throw error;
    }
  };
  return {
    async post(post, { timeoutMs, signal }) {
      const startMs = performance.now();
      const timeout = AbortSignal.timeout(timeoutMs);
      const ended = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
      const seen = { status: 0, error: "", text: "", retryAfterMs: undefined as number | undefined };
      try {
        const response = await send(post, ended);
        seen.status = response.statusCode ?? 0;
        seen.retryAfterMs = readRetryAfter(response.headers["retry-after"], new Date());
        seen.text = await readBeginning(response);
        seen.error = explainStatus(seen.status);
      } catch (error) {
        seen.error = timeout.aborted ? `no answer within ${timeoutMs} ms` : explain(error);
      }
      return { ...seen, durationMs: Math.round(performance.now() - startMs) };
    },
    [Symbol.dispose]() {
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  };
}

const fixedHeaders = { "user-agent": "Sagacart-Webhooks/1.0", accept: "*/*", "accept-encoding": "identity" };
const bodyLimit = 65_536;
const shownBytes = 1_000;
/** How long the body of an answer may take: what counts, its status, is there already. */
const bodyMs = 1_000;

function answerTo(
  request: ClientRequest,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.on("response", resolve);
  request.on("error", reject);
  for (const [name, value] of Object.entries(headers)) {
    request.setHeader(name, value);
  }
  request.setHeader("content-length", Buffer.byteLength(body));
  request.end(body);
  return promise;
}

/** What is too long or too slow is left; so is what breaks off. */
async function readBeginning(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const late = setTimeout(() => response.destroy(), bodyMs);
  try {
    for await (const chunk of response) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > bodyLimit) {
        break; // Which ends the connection.
      }
    }
  } catch {
    // The status stands.
  } finally {
    clearTimeout(late);
  }
  // Postgres does not store NUL.
  return new TextDecoder().decode(Buffer.concat(chunks).subarray(0, shownBytes)).replaceAll("\0", "");
}

function explainStatus(status: number): string {
  if (status >= 200 && status < 300) {
    return "";
  }
  return status >= 300 && status < 400 ? `answered ${status}; redirects are not followed` : `answered ${status}`;
}

function explain(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  // A connection that failed at each of several addresses says so in its parts only.
  const parts = error instanceof AggregateError ? error.errors.map((part) => explain(part)).join("; ") : "";
  return (text === "" ? parts : text).replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ").slice(0, 300) || "failed";
}

function isReset(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

/** Seconds, or a date. */
function readRetryAfter(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) {
    return undefined;
  }
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now.getTime();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
