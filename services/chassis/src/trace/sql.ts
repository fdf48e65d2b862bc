import { AsyncResource } from "node:async_hooks";
import pg from "pg";
import { truncate } from "../truncate.ts";
import type { Attributes, Span } from "./span.ts";
import { startSpan, tracer } from "./trace.ts";

/** Returns a pool's option for traced clients, if this process traces. */
export function tracedClients(): { Client?: typeof TracedClient } {
  return tracer() === undefined ? {} : { Client: TracedClient };
}

/** Keeps the waiting caller's trace, not that of the caller whose release of a connection runs the callback. */
export function inContext<Given extends unknown[]>(callback: (...given: Given) => void): (...given: Given) => void {
  return tracer() === undefined ? callback : AsyncResource.bind(callback);
}

/**
 * A client that starts a span for each statement of a traced call. The span has the statement's text, and its name, by which
 * to find it in the source. Parameter values are never recorded.
 */
export class TracedClient extends pg.Client {
  readonly #attributes: Attributes;

  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.#attributes = {
      "db.system.name": "postgresql",
      "db.namespace": this.database ?? "",
      "server.address": this.host,
      "server.port": this.port,
    };
  }

  // One signature for pg's overloads, which differ by their arguments.
  override query(...given: unknown[]): never {
    const query: (...given: unknown[]) => unknown = super.query;
    const span = spanOf(given[0], this.#attributes);
    if (span === undefined) {
      // `never` fits the result of each overload.
      return query.apply(this, given) as never;
    }
    const end = (error: unknown) => {
      const code = error instanceof pg.DatabaseError ? error.code : undefined;
      span.set({ "db.response.status_code": code });
      span.end(error === null || error === undefined ? undefined : (code ?? "error"));
    };
    const callback = given.at(-1);
    if (typeof callback === "function") {
      const ended = (error: unknown, result: unknown) => {
        end(error);
        callback(error, result);
      };
      return query.apply(this, [...given.slice(0, -1), ended]) as never;
    }
    const running = query.apply(this, given);
    if (running instanceof Promise) {
      running.then(() => end(undefined), end);
    } else {
      span.end();
    }
    return running as never;
  }
}

function spanOf(statement: unknown, attributes: Attributes): Span | undefined {
  const { name, text } = statementOf(statement);
  const span = startSpan(name ?? operationOf(text), { kind: "client", attributes });
  span?.set({ "db.query.summary": name, "db.query.text": truncate(text, 1_000) });
  return span;
}

function statementOf(statement: unknown): { name: string | undefined; text: string } {
  if (typeof statement === "string") {
    return { name: undefined, text: statement };
  }
  if (typeof statement !== "object" || statement === null) {
    return { name: undefined, text: "" };
  }
  const { name, text }: { name?: unknown; text?: unknown } = statement;
  return { name: typeof name === "string" ? name : undefined, text: typeof text === "string" ? text : "" };
}

/** `SELECT`, `BEGIN`. */
function operationOf(text: string): string {
  return /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? "SQL";
}
