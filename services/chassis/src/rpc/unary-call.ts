import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { DescMethodUnary, DescService, Message } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextValues,
  createContextValues,
  type HandlerContext,
  type UnaryRequest,
} from "@connectrpc/connect";
import type { CallContext } from "../context.ts";
import type { UnaryMethod } from "./unary-methods.ts";

/**
 * A call on its way through the interceptors to its handler: Connect's request and handler context in one object. Most
 * handlers use the message only, so headers and signal are created on demand.
 */
export class UnaryCall implements UnaryRequest, HandlerContext {
  readonly stream = false;
  readonly requestMethod = "POST";
  readonly protocolName = "grpc";
  readonly method: DescMethodUnary;
  readonly service: DescService;
  readonly message: Message;
  readonly context: CallContext;
  readonly impl: UnaryMethod["impl"];
  readonly #http: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #shutdown: AbortSignal;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #values: ContextValues | undefined;
  #abort: AbortController | undefined;
  #release = () => {};

  constructor(
    { method, impl }: UnaryMethod,
    message: Message,
    context: CallContext,
    wire: { http: ServerHttp2Stream; headers: IncomingHttpHeaders; shutdown: AbortSignal },
  ) {
    this.method = method;
    this.service = method.parent;
    this.impl = impl;
    this.message = message;
    this.context = context;
    this.#http = wire.http;
    this.#headers = wire.headers;
    this.#shutdown = wire.shutdown;
  }

  get url(): string {
    return `http://${this.#headers[":authority"] ?? "localhost"}${this.#headers[":path"]}`;
  }

  get requestHeader(): Headers {
    this.#requestHeader ??= toWebHeaders(this.#headers);
    return this.#requestHeader;
  }

  get header(): Headers {
    return this.requestHeader;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  get values(): ContextValues {
    this.#values ??= createContextValues();
    return this.#values;
  }

  get contextValues(): ContextValues {
    return this.values;
  }

  /** Returns the time until the deadline, in ms. An arrow function, since handlers destructure it. */
  readonly timeoutMs = (): number | undefined => {
    const { deadlineMs } = this.context;
    return deadlineMs === undefined ? undefined : deadlineMs - Date.now();
  };

  /** Aborted at the deadline, when the caller disconnects, when the server shuts down, and after the call. */
  get signal(): AbortSignal {
    this.#abort ??= this.#startAbort();
    return this.#abort.signal;
  }

  /** Ends the call: removes the signal's listeners, and aborts it. */
  end(): void {
    this.#release();
    this.#abort?.abort(ended);
  }

  /** Adds the headers that the handler set, if any. */
  addResponseHeaders(to: OutgoingHttpHeaders): OutgoingHttpHeaders {
    return addHeaders(this.#responseHeader, to);
  }

  /** Adds the trailers that the handler set, if any. */
  addResponseTrailers(to: OutgoingHttpHeaders): OutgoingHttpHeaders {
    return addHeaders(this.#responseTrailer, to);
  }

  #startAbort(): AbortController {
    const controller = new AbortController();
    const http = this.#http;
    const gone = () => controller.abort(new ConnectError("the caller has gone away", Code.Canceled));
    const shutDown = () => controller.abort(this.#shutdown.reason);
    const late = () => controller.abort(new ConnectError("the deadline is over", Code.DeadlineExceeded));
    const timeoutMs = this.timeoutMs();
    // setTimeout takes no more than 2^31 ms.
    const timer = timeoutMs === undefined ? undefined : setTimeout(late, Math.min(Math.max(timeoutMs, 0), 2 ** 31 - 1));
    http.once("close", gone);
    this.#shutdown.addEventListener("abort", shutDown);
    this.#release = () => {
      clearTimeout(timer);
      http.off("close", gone);
      this.#shutdown.removeEventListener("abort", shutDown);
    };
    if (http.closed || http.destroyed) {
      gone();
    } else if (this.#shutdown.aborted) {
      shutDown();
    }
    return controller;
  }
}

/** One shared reason: without it, each abort creates an error with a stack trace. */
const ended = new ConnectError("the call has ended", Code.Canceled);

function toWebHeaders(from: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(from)) {
    if (value !== undefined && !name.startsWith(":")) {
      for (const item of Array.isArray(value) ? value : [value]) {
        headers.append(name, item);
      }
    }
  }
  return headers;
}

function addHeaders(from: Headers | undefined, to: OutgoingHttpHeaders): OutgoingHttpHeaders {
  from?.forEach((value, name) => {
    to[name] = value;
  });
  return to;
}
