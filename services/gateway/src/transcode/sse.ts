import { Readable } from "node:stream";
import type { JsonValue } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { callerLeft } from "../caller-left.ts";
import { invalidRequest, problemOf } from "../problem.ts";
import type { Services } from "../services.ts";
import type { Feed, Frame } from "./feeds.ts";
import { routerPath } from "./router-path.ts";
import { decode, encode, partsOf } from "./transcode.ts";

/**
 * Serves streams as text/event-stream. The id of each event is the stream's cursor, so that a browser which lost the
 * connection goes on where it was. A stream that has ended says so by an event `end`; asked for again with nothing
 * new to tell, the answer is 204, which keeps a browser from coming back.
 */
export function serveFeeds(
  app: FastifyInstance,
  services: Services,
  feeds: readonly Feed[],
  options: { heartbeatMs: number; stopping: AbortSignal },
): void {
  for (const feed of feeds) {
    const { method, template, path } = feed.binding;
    const transport = services.transportTo(method.parent);
    app.get(
      routerPath(
        template,
        path.map(({ parameter }) => parameter),
      ),
      async (request, reply) => {
        const resumesAfter = lastEventId(request);
        const parts = partsOf(request);
        const query = resumesAfter === undefined ? parts.query : { ...parts.query, [feed.cursor]: resumesAfter };
        const message = decode(feed.binding, { ...parts, query });
        const leaving = AbortSignal.any([callerLeft(reply), options.stopping]);
        const answer = await transport.stream(method, leaving, undefined, undefined, once(message));
        const messages = inJson(feed, answer.message);
        // The first message comes at once, or the error that there is in its place: that is a problem still, not a stream.
        const first = await messages.next();
        const isOver = first.done === true || (feed.isLast(first.value) && isOld(feed, first.value, resumesAfter));
        if (resumesAfter !== undefined && isOver) {
          await messages.return(undefined);
          return reply.code(204).send();
        }
        return stream(reply, eventsOf(feed, first, messages, { ...options, requestId: request.id }));
      },
    );
  }
}

type Messages = AsyncGenerator<JsonValue, void, undefined>;

async function* inJson(feed: Feed, messages: AsyncIterable<Parameters<typeof encode>[1]>): Messages {
  for await (const message of messages) {
    yield encode(feed.binding.method.output, message);
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

function isOld(feed: Feed, json: JsonValue, resumesAfter: string | undefined): boolean {
  return resumesAfter !== undefined && feed.frames(json).every(({ id }) => BigInt(id || 0) <= BigInt(resumesAfter));
}

function stream(reply: FastifyReply, events: AsyncGenerator<string>): FastifyReply {
  return reply
    .headers({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // Proxies that gather answers would keep events back.
      "x-accel-buffering": "no",
    })
    .send(Readable.from(events, { objectMode: false, highWaterMark: 64 * 1024 }));
}

async function* eventsOf(
  feed: Feed,
  first: IteratorResult<JsonValue, void>,
  rest: Messages,
  { heartbeatMs, requestId }: { heartbeatMs: number; requestId: string },
): AsyncGenerator<string> {
  try {
    yield "retry: 1000\n\n";
    let result = first;
    while (result.done !== true) {
      yield feed.frames(result.value).map(written).join("");
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
    // Too late for a status. The browser comes back by itself, and resumes.
    yield `event: problem\ndata: ${JSON.stringify(problemOf(ConnectError.from(error), requestId).problem)}\n\n`;
  } finally {
    await rest.return(undefined);
  }
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
