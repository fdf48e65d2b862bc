import { create, type DescMethod, fromJson, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import type { Session } from "../../auth/session.ts";
import { newRequestId } from "../../rpc/request-id.ts";
import { defaultTimeoutMs } from "../../rpc/transport.ts";

/** The services with a feed that the gateway serves. */
export const feedNames = ["order", "payment", "shipping"] as const;
export type FeedName = (typeof feedNames)[number];

/**
 * Calls the services of one feed. Several processes have them, which Connect's paths cannot tell apart: so these calls go over
 * REST, whose paths name the feed.
 */
export function feedTransport(
  feed: FeedName,
  session: Pick<Session, "accessToken">,
  fetchIt: typeof fetch = fetch,
): Transport {
  return {
    async unary(method, signal, timeoutMs = defaultTimeoutMs, _header, input) {
      const message = create(method.input, input);
      const json = toJson(method.input, message);
      const { verb, path } = routeOf(method, json);
      const key = newRequestId();
      const ask = async (token: string | undefined) =>
        await fetchWithin(timeoutMs, signal, (limit) =>
          fetchIt(`/v1/feeds/${feed}${path}`, {
            method: verb,
            ...(verb === "GET" ? {} : { body: JSON.stringify(json) }),
            signal: limit,
            headers: {
              accept: "application/json",
              ...(verb === "GET" ? {} : { "content-type": "application/json", "idempotency-key": key }),
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
      const body: unknown = await answer.json().catch(() => undefined);
      if (!answer.ok) {
        throw failureOf(answer.status, body);
      }
      return {
        stream: false,
        service: method.parent,
        method,
        header: answer.headers,
        trailer: new Headers(),
        // The schema checks what came.
        message: fromJson(method.output, body as Parameters<typeof fromJson>[1], { ignoreUnknownFields: true }),
      };
    },
    async stream(method) {
      throw new ConnectError(`${method.name} is not called from here`, Code.Unimplemented);
    },
  };
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

type Route = { readonly verb: "GET" | "POST" | "DELETE"; readonly path: string };

function routeOf(method: DescMethod, json: unknown): Route {
  const fields: Record<string, unknown> = { ...(typeof json === "object" ? json : {}) };
  const name = encodeURIComponent(String(fields.name ?? ""));
  switch (method) {
    case ConsumerService.method.listConsumers:
      return { verb: "GET", path: `/consumers${queryOf(fields)}` };
    case ConsumerService.method.replayConsumer:
      return { verb: "POST", path: `/consumers/${name}:replay` };
    case ConsumerService.method.deleteConsumer:
      return { verb: "DELETE", path: `/consumers/${name}` };
    case EventService.method.readEvents:
      return { verb: "GET", path: `/events${queryOf(fields)}` };
    default:
      throw new ConnectError(`${method.name} is not called from here`, Code.Unimplemented);
  }
}

function queryOf(fields: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, String(one)]),
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

/** Reads a problem (RFC 9457) as Connect's error. */
function failureOf(status: number, body: unknown): ConnectError {
  const problem: Record<string, unknown> = { ...(typeof body === "object" ? body : {}) };
  const { title, detail, reason } = problem;
  const known = Object.entries(Code).find(([name]) => toUpperSnake(name) === title)?.[1];
  const code = typeof known === "number" ? known : status >= 500 ? Code.Unavailable : Code.Unknown;
  const message = typeof detail === "string" ? detail : `the shop answered ${status}`;
  const value = { reason: typeof reason === "string" ? reason : "", metadata: textsOf(problem.metadata) };
  return new ConnectError(message, code, undefined, [{ desc: ErrorInfoSchema, value }]);
}

function textsOf(given: unknown): Record<string, string> {
  const entries = Object.entries(typeof given === "object" && given !== null ? given : {});
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function toUpperSnake(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z]/g, (upper) => `_${upper}`).toUpperCase();
}
