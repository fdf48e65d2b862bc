import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { truncate } from "@sagacart/chassis/truncate";
import type { HostResolver } from "./host-resolver.ts";

/** A request to send. */
export type Post = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** The outcome of a request. Without an answer the status is 0, and `error` says why. */
export type Answer = {
  readonly status: number;
  readonly durationMs: number;
  readonly error: string;
  /** The beginning of the body. */
  readonly text: string;
  /** The pause requested by the header Retry-After. */
  readonly retryAfterMs: number | undefined;
};

export type Poster = Disposable & {
  /** Sends a request. Never throws. An aborted signal ends it with status 0. */
  post(post: Post, options: { timeoutMs: number; signal?: AbortSignal }): Promise<Answer>;
};

/**
 * Sends requests to untrusted URLs: only to addresses that the resolver allows, without following redirects, and reading at
 * most 64 KiB of an answer. Connections are reused for a few seconds.
 */
export function createPoster({ hosts, ca }: { hosts: HostResolver; ca?: string[] | undefined }): Poster {
  const agentOptions = { keepAlive: true, maxFreeSockets: 16, timeout: 5_000 };
  const agents = {
    "http:": new HttpAgent(agentOptions),
    "https:": new HttpsAgent({ ...agentOptions, ...(ca === undefined ? {} : { ca }) }),
  };
  const send = async ({ url: text, headers, body }: Post, signal: AbortSignal): Promise<IncomingMessage> => {
    const url = new URL(text);
    if (isIP(url.hostname.replace(/^\[(.*)\]$/, "$1")) !== 0) {
      // Node connects to an address without a lookup, so check it here.
      await hosts.addressesOf(url.hostname);
    }
    const options = { method: "POST", lookup: hosts.lookup, signal };
    const start = () =>
      url.protocol === "https:"
        ? httpsRequest(url, { ...options, agent: agents["https:"] })
        : httpRequest(url, { ...options, agent: agents["http:"] });
    const sendBy = async (request: ClientRequest) => await answerTo(request, { ...fixedHeaders, ...headers }, body);
    const first = start();
    try {
      return await sendBy(first);
    } catch (error) {
      // The server closed an idle connection just as it was reused: retry on a new one.
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
// The time limit for the body of an answer, in ms. The outcome depends on the status alone.
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

/** Reads the beginning of a body. Stops if it is too long, too slow or cut off. */
async function readBeginning(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const late = setTimeout(() => response.destroy(), bodyMs);
  try {
    for await (const chunk of response) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > bodyLimit) {
        break; // This closes the connection.
      }
    }
  } catch {
    // The status is enough.
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
  // If all addresses fail, only the parts of the AggregateError have messages.
  const parts = error instanceof AggregateError ? error.errors.map((part) => explain(part)).join("; ") : "";
  return truncate((text === "" ? parts : text).replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " "), 300) || "failed";
}

function isReset(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

/**
 * Parses Retry-After, seconds or an HTTP date, to ms: Infinity for more seconds than a number holds, 0 for a time in the
 * past, undefined for what is neither.
 */
export function readRetryAfter(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) {
    return undefined;
  }
  const trimmed = value.trim();
  // However many digits it has: what is too long to wait for is cut by the caller.
  if (/^-?\d+$/.test(trimmed)) {
    return Math.max(0, Number(trimmed) * 1_000);
  }
  // HTTP dates begin with the day's name; Date.parse alone takes "1.5" for a day in January.
  const time = /^[A-Za-z]/.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
  return Number.isNaN(time) ? undefined : Math.max(0, time - now.getTime());
}
