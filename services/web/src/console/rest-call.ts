import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import type { Session } from "../auth/session.ts";
import { defaultTimeoutMs } from "../rpc/transport.ts";
import { PageError } from "./page-error.ts";
import { pageErrorTexts } from "./page-error-texts.ts";

export type RestCaller = {
  readonly session: Pick<Session, "accessToken">;
  readonly fetchIt?: typeof fetch;
};

export type RestCall = {
  readonly verb: "GET" | "POST" | "DELETE";
  /** With the query. */
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
};

/**
 * Calls the gateway by REST as the person who is signed in, for what it does not serve by Connect. Throws a ConnectError, as all
 * other calls do.
 */
export async function restCall(
  { session, fetchIt = fetch }: RestCaller,
  { verb, path, body, headers = {}, signal, timeoutMs = defaultTimeoutMs }: RestCall,
): Promise<{ readonly headers: Headers; readonly body: unknown }> {
  const ask = async (token: string | undefined) =>
    await fetchWithin(timeoutMs, signal, (limit) =>
      fetchIt(path, {
        method: verb,
        ...(body === undefined ? {} : { body }),
        signal: limit,
        headers: {
          accept: "application/json",
          ...headers,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      }),
    );
  const token = await session.accessToken();
  let answer = await ask(token);
  if (answer.status === 401 && token !== undefined) {
    // As for all other calls: a token that is refused is renewed once.
    const renewed = await session.accessToken({ not: token });
    answer = renewed === undefined ? answer : await ask(renewed);
  }
  const read: unknown = await answer.json().catch(() => undefined);
  if (!answer.ok) {
    throw failureOf(answer.status, read);
  }
  return { headers: answer.headers, body: read };
}

/** Fetches with a limit of time, which is a failure of its own: without it, fetch waits for as long as the connection is open. */
async function fetchWithin(
  ms: number,
  signal: AbortSignal | undefined,
  fetchIt: (limit: AbortSignal) => Promise<Response>,
): Promise<Response> {
  const timeout = AbortSignal.timeout(ms);
  try {
    return await fetchIt(signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
  } catch (error) {
    throw timeout.aborted
      ? new ConnectError(
          `the shop did not answer within ${ms / 1_000} s`,
          Code.DeadlineExceeded,
          undefined,
          undefined,
          error,
        )
      : error;
  }
}

/** Reads a problem (RFC 9457) as Connect's error. */
function failureOf(status: number, body: unknown): ConnectError {
  const problem: Record<string, unknown> = { ...(typeof body === "object" ? body : {}) };
  const { title, detail, reason } = problem;
  const known = Object.entries(Code).find(([name]) => toUpperSnake(name) === title)?.[1];
  const code = typeof known === "number" ? known : status >= 500 ? Code.Unavailable : Code.Unknown;
  if (typeof detail !== "string") {
    const { en, de } = pageErrorTexts;
    return new PageError({ en: en.answered(String(status)), de: de.answered(String(status)) }, code);
  }
  const value = { reason: typeof reason === "string" ? reason : "", metadata: textsOf(problem.metadata) };
  return new ConnectError(detail, code, undefined, [{ desc: ErrorInfoSchema, value }]);
}

function textsOf(given: unknown): Record<string, string> {
  const entries = Object.entries(typeof given === "object" && given !== null ? given : {});
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function toUpperSnake(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z]/g, (upper) => `_${upper}`).toUpperCase();
}
