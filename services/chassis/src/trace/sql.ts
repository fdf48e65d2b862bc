import { AsyncResource } from "node:async_hooks";
import pg from "pg";
import type { Attributes, Span } from "./span.ts";
import { startSpan, tracer } from "./trace.ts";

/** For the configuration of a pool: clients that trace, where this process does. */
export function tracedClients(): { Client?: typeof TracedClient } {
  return tracer() === undefined ? {} : { Client: TracedClient };
}

/** Who had to wait for a connection is called back by whoever gave one back: not as a part of that one's trace. */
export function inContext<Given extends unknown[]>(callback: (...given: Given) => void): (...given: Given) => void {
  return tracer() === undefined ? callback : AsyncResource.bind(callback);
}

/**
 * A client whose statements are spans, where they are a part of something that is traced. A span has the name that the
 * statement is prepared under, by which it is found in the source; one without a name has its text. Values are in
 * neither.
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

  // The overloads of pg are told apart by what is given, so this has none of its own.
  override query(...given: unknown[]): never {
    const query: (...given: unknown[]) => unknown = super.query;
    const span = spanOf(given[0], this.#attributes);
    if (span === undefined) {
      // The type is one that fits each overload.
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
  span?.set(name === undefined ? { "db.query.text": text.slice(0, 1_000) } : { "db.query.summary": name });
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
