import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../until.ts";

// biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes.
export type Json = any;

/** A request by the name of its operation. */
export type Ask = {
  /** The caller's access token; nobody's if absent. */
  readonly token?: string | undefined;
  readonly path?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, text as it is. */
  readonly body?: object | string;
  /** Repeats the request until its answer is like this. The last answer is the example. */
  readonly until?: (answer: Json) => boolean | Promise<boolean>;
};

/** A request that succeeded, and its answer: JSON, or text, such as the first message of a stream. */
export type Example = {
  readonly parameters?: Readonly<Record<string, Json>>;
  readonly request?: Json;
  readonly response: Json;
};

export type Recorder = {
  /** Sends a request, and returns its answer. Throws if it is refused. The first one of an operation is its example. */
  call(operation: string, ask?: Ask): Promise<Json>;
  /** Returns the examples by operation, in the order of the document. */
  examples(): Readonly<Record<string, Example>>;
  /** Returns the operations that were not called. */
  missing(): readonly string[];
};

type Operation = { readonly name: string; readonly verb: string; readonly path: string; readonly parameters: Json[] };

/**
 * Records calls of the operations of an OpenAPI document: by their operationId, or by verb and path (`GET /stock/find/{id}`)
 * where they have none.
 */
export function createRecorder(origin: string, document: Json): Recorder {
  const operations = new Map(operationsOf(document).map((operation) => [operation.name, operation]));
  const recorded = new Map<string, Example>();

  async function send(operation: Operation, ask: Ask): Promise<Example> {
    const { path = {}, query = {}, body, token } = ask;
    const names = operation.parameters.filter((parameter) => parameter.in === "header").map(({ name }) => name);
    // A key of its own, where the operation needs one.
    const key = names.includes("Idempotency-Key") ? { "Idempotency-Key": crypto.randomUUID() } : {};
    const headers = { ...key, ...ask.headers };
    const target = operation.path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name] ?? ""));
    const search = new URLSearchParams(
      Object.entries(query).flatMap(([name, value]) =>
        [value].flat().map((each): [string, string] => [name, String(each)]),
      ),
    );
    const url = `${origin}${target}${search.size === 0 ? "" : `?${search}`}`;
    const response = await fetchPatiently(url, {
      method: operation.verb,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const answer = await read(response);
    if (!response.ok) {
      throw new Error(`${operation.name} was refused: ${response.status} ${JSON.stringify(answer)}`);
    }
    // Clients make their own user-agent, and the like.
    const shown = Object.fromEntries(Object.entries(headers).filter(([name]) => names.includes(name)));
    const parameters = { ...path, ...query, ...shown };
    return {
      ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
      ...(body === undefined ? {} : { request: typeof body === "string" ? JSON.parse(body) : body }),
      response: answer,
    };
  }

  return {
    async call(name, ask = {}) {
      const operation = operations.get(name);
      if (operation === undefined) {
        throw new Error(`the document has no operation ${name}`);
      }
      const { until: isWanted } = ask;
      const example =
        isWanted === undefined
          ? await send(operation, ask)
          : await until(
              () => `the wanted answer of ${name}`,
              async () => {
                const tried = await send(operation, ask);
                return (await isWanted(tried.response)) ? tried : undefined;
              },
            );
      if (!recorded.has(name)) {
        recorded.set(name, example);
      }
      return example.response;
    },
    examples: () =>
      Object.fromEntries(
        [...operations.keys()].flatMap((name) => {
          const example = recorded.get(name);
          return example === undefined ? [] : [[name, example] as const];
        }),
      ),
    missing: () => [...operations.keys()].filter((name) => !recorded.has(name)),
  };
}

function operationsOf(document: Json): Operation[] {
  return Object.entries<Json>(document.paths).flatMap(([path, item]) =>
    Object.entries<Json>(item).map(([verb, { operationId, parameters = [] }]) => ({
      name: operationId ?? `${verb.toUpperCase()} ${path}`,
      verb: verb.toUpperCase(),
      path,
      parameters,
    })),
  );
}

/** Sends a request, and again with the same key while the shop is slow. */
async function fetchPatiently(url: string, request: RequestInit): Promise<Response> {
  for (let tries = 1; ; tries++) {
    const response = await fetch(url, { ...request, signal: AbortSignal.timeout(timeoutMs) });
    if (tries === 20 || ![503, 504].includes(response.status)) {
      return response;
    }
    await response.body?.cancel();
    await sleep(1_000);
  }
}

async function read(response: Response): Promise<Json> {
  const type = response.headers.get("content-type") ?? "";
  if (response.ok && type.startsWith("text/event-stream")) {
    return await firstMessage(response);
  }
  const text = await response.text();
  return type.includes("json") ? JSON.parse(text) : text;
}

/** Reads a stream up to its first message with data, and ends it. */
async function firstMessage({ body }: Response): Promise<string> {
  if (body === null) {
    return "";
  }
  let text = "";
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const message = text.split("\n\n").find((block) => /^data:/m.test(block));
    if (message !== undefined && text.includes(`${message}\n\n`)) {
      return `${message}\n\n`;
    }
  }
  throw new Error("the stream ended before its first message");
}

/** Longer than any call waits for an order. */
const timeoutMs = 120_000;
