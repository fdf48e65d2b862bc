import { Readable } from "node:stream";
import type { JsonValue, Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { accessRule } from "@sagacart/chassis/auth/access";
import { errorInfo } from "@sagacart/chassis/errors";
import { callerLeft } from "@sagacart/rest/caller-left";
import { invalidRequest, problemOf } from "@sagacart/rest/problem";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { addVary, cachingOf } from "../edge/caching.ts";
import type { Services } from "../services.ts";
import type { Feed, Frame } from "./feed.ts";
import { routerPath } from "./router-path.ts";
import { decode, encode, partsOf } from "./transcode.ts";

/**
 * Serves streams as text/event-stream. The id of each event is the stream's cursor, so a browser that lost the connection
 * resumes where it was. A finished stream ends with the event `end`; if it is requested again with nothing new, the answer
 * is 204, which stops a browser from reconnecting. A stream that ends since this process or the service shuts down asks the
 * reader to reconnect at once.
 */
export function serveFeeds(
  app: FastifyInstance,
  services: Services,
  feeds: readonly Feed[],
  options: { heartbeatMs: number; stopping: AbortSignal },
): void {
  for (const feed of feeds) {
    const { method, template, path } = feed.binding;
    const transport = services.transportTo(method.parent, feed.binding.at);
    app.get(
      routerPath(
        template,
        path.map(({ parameter }) => parameter),
      ),
      { config: { open: accessRule(method).anyone, caching: cachingOf(method), stream: true } },
      async (request, reply) => {
        const resumesAfter = lastEventId(request);
        const parts = partsOf(request);
        const format = feed.format?.(request, parts.query);
        if (format !== undefined) {
          addVary(reply, ["Accept"]);
        }
        const asked = format?.query ?? parts.query;
        const resumes = resumesAfter !== undefined && asked[feed.cursorKeptBy ?? ""] === undefined;
        const query = resumes ? { ...asked, [feed.cursor]: resumesAfter } : asked;
        const message = decode(feed.binding, { ...parts, query });
        const leaving = AbortSignal.any([callerLeft(reply), options.stopping]);
        const answer = await transport.stream(method, leaving, undefined, undefined, once(message));
        const messages = read(feed, answer.message, format?.frames);
        // Wait for the first message: an error in its place can still be answered as a problem.
        const first = await messages.next().catch((error) => {
          throw options.stopping.aborted ? shuttingDown() : error;
        });
        const isOver = first.done === true || (feed.isLast(first.value.json) && isOld(first.value, resumesAfter));
        if (resumesAfter !== undefined && isOver) {
          await messages.return(undefined);
          return reply.code(204).send();
        }
        return stream(reply, eventsOf(first, messages, { ...options, requestId: request.id }));
      },
    );
  }
}

/** A message of the stream, and the events that it becomes. */
type Told = { readonly json: JsonValue; readonly frames: readonly Frame[] };
type Messages = AsyncGenerator<Told, void, undefined>;

async function* read(
  feed: Feed,
  messages: AsyncIterable<Message>,
  framesOf: ((message: Message) => readonly Frame[]) | undefined,
): Messages {
  for await (const message of messages) {
    const json = encode(feed.binding.method.output, message);
    yield { json, frames: framesOf?.(message) ?? feed.frames(json) };
  }
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

function lastEventId({ headers }: FastifyRequest): string | undefined {
  const id = headers["last-event-id"];
  if (id === undefined || id === "") {
    return undefined;
  }
  if (Array.isArray(id) || !/^\d{1,18}$/.test(id)) {
    throw invalidRequest([
      { field: "Last-Event-ID", rule: "pattern", message: "must be the id of an event of this stream" },
    ]);
  }
  return id;
}

function isOld({ frames }: Told, resumesAfter: string | undefined): boolean {
  return resumesAfter !== undefined && frames.every(({ id }) => BigInt(id || 0) <= BigInt(resumesAfter));
}

function stream(reply: FastifyReply, events: AsyncGenerator<string>): FastifyReply {
  return reply
    .headers({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // Keeps proxies from buffering events.
      "x-accel-buffering": "no",
    })
    .send(Readable.from(events, { objectMode: false, highWaterMark: 64 * 1024 }));
}

async function* eventsOf(
  first: IteratorResult<Told, void>,
  rest: Messages,
  { heartbeatMs, requestId, stopping }: { heartbeatMs: number; requestId: string; stopping: AbortSignal },
): AsyncGenerator<string> {
  try {
    yield "retry: 1000\n\n";
    let result = first;
    while (result.done !== true) {
      yield result.value.frames.map(written).join("");
      const next = rest.next();
      let tick = await within(heartbeatMs, next);
      while (tick === "late") {
        yield ": still here\n\n";
        tick = await within(heartbeatMs, next);
      }
      result = tick;
    }
    yield "event: end\ndata: {}\n\n";
  } catch (error) {
    // Too late for a status. The browser reconnects and resumes by itself.
    const reason = stopping.aborted ? shuttingDown() : ConnectError.from(error);
    if (stopping.aborted || errorInfo(reason).reason === "SHUTTING_DOWN") {
      yield `retry: ${atOnceMs}\n\n`;
    }
    yield `event: problem\ndata: ${JSON.stringify(problemOf(reason, requestId).problem)}\n\n`;
  } finally {
    await rest.return(undefined);
  }
}

/** Until the next stream says otherwise. Not 0: browsers with many streams would all come in one moment. */
const atOnceMs = 50;

function shuttingDown(): ConnectError {
  return new ConnectError("the gateway is shutting down; connect again, with the last id", Code.Unavailable);
}

function written({ id, data }: Frame): string {
  return data === undefined ? `id: ${id}\n\n` : `id: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | "late"> {
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(resolve, ms, "late");
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
