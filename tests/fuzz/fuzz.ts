import { request as httpRequest } from "node:http";
import { type Route, routesOf, sampleOf } from "../support/api-routes.ts";
import { type FuzzRequest, mutate } from "./mutate.ts";
import { createRandom, type Random } from "./random.ts";

export type FuzzOptions = {
  /** `host:port` of the gateway. */
  readonly gateway: string;
  /** Makes the callers and their things; called again now and then, since requests change and delete things. */
  readonly makeCallers: () => Promise<readonly Caller[]>;
  readonly count: number;
  readonly seed: number;
  readonly timeoutMs?: number;
};

/** A caller; they send requests in turn. */
export type Caller = {
  readonly name: string;
  /** Undefined for a guest, who is sent to the routes that are open to anyone. */
  readonly authorization: string | undefined;
  /** Ids of things that there are, by field name (`productId`) and for `{id}` by the part of the path before it (`orders`). */
  readonly known: Readonly<Record<string, string>>;
};

/** A request that was not answered as it must be. */
export type Fault = {
  readonly index: number;
  readonly what: string;
  readonly caller: string;
  readonly request: FuzzRequest;
};

export type FuzzReport = {
  /** The number of answers by caller and status. */
  readonly statuses: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly faults: readonly Fault[];
};

/** How many requests are sent about the same things, and with the same tokens. */
const renewAfter = 500;

const documents = ["/openapi.json", ...["wdm", "wippy", "dapr", "shop"].map((name) => `/openapi/${name}.json`)];

/**
 * Streams have no end, a batch_init may mean a million rows, and the caller must be there for the next request, signed in as
 * the same.
 */
const left =
  /:(watch|subscribe|stream|erase|changePassword)$|signing-keys:replace$|batch_init|^DELETE .*\/users\/\{|\/roles$/;

/**
 * Sends mutated requests to a running shop. A fault is a 5xx, except a 503 that says when to try again, and no answer within
 * the time. The same seed sends the same requests to the same shop.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { gateway, makeCallers, count, seed, timeoutMs = 90_000 } = options;
  const routes = (await Promise.all(documents.map((url) => getJson(`http://${gateway}${url}`)))).flatMap(routesOf);
  const targets = routes.filter(({ name }) => !left.test(name));
  const statuses: Record<string, Record<string, number>> = {};
  const callersOf = new Map<number, Promise<readonly Caller[]>>();
  const faults: Fault[] = [];
  let next = 0;
  const work = async () => {
    while (next < count) {
      const index = next++;
      // Each request has a seed of its own, so that one of them can be repeated without the others.
      const random = createRandom(seed * 1_000_003 + index);
      const round = Math.floor(index / renewAfter);
      const making = callersOf.get(round) ?? makeCallers();
      callersOf.set(round, making);
      const callers = await making;
      const caller = callers[index % callers.length] ?? random.pick(callers);
      const { name, authorization, known } = caller;
      const allowed = authorization === undefined ? targets.filter(({ isOpen }) => isOpen) : targets;
      const good = goodRequest(random, random.pick(allowed), { known, authorization });
      const request = mutate(random, good);
      const answer = await send(gateway, request, timeoutMs);
      const outcome = typeof answer === "string" ? answer : String(answer.status);
      const answered = statuses[name] ?? {};
      statuses[name] = { ...answered, [outcome]: (answered[outcome] ?? 0) + 1 };
      const isFault =
        typeof answer === "string" ||
        (answer.status >= 500 && !(answer.status === 503 && answer.retryAfter !== undefined));
      if (isFault) faults.push({ index, what: outcome, caller: name, request });
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return { statuses, faults };
}

/** One line that says what happened, with the request cut to what fits. */
export function faultLine({ index, what, caller, request }: Fault): string {
  const { method, path, headers, body } = request;
  const { authorization: _, ...shown } = headers;
  const text = body === undefined ? "" : ` ${JSON.stringify(body.slice(0, 300))} (${body.length} characters)`;
  return `#${index} ${what}: ${caller} ${method} ${path.slice(0, 300)} ${JSON.stringify(shown).slice(0, 300)}${text}`;
}

async function getJson(url: string): Promise<unknown> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return await answer.json();
}

function goodRequest(
  random: Random,
  route: Route,
  { known, authorization }: Pick<Caller, "known" | "authorization">,
): FuzzRequest {
  const givenFor = ({ name, schema }: Route["parameters"][number]) =>
    known[name] ??
    known[new RegExp(`([^/]+)/\\{${name.replace(".", "\\.")}\\}`).exec(route.path)?.[1] ?? ""] ??
    String(sampleOf(route, schema, known, name));
  const path = route.path.replaceAll(/\{([\w.]+)\}/g, (whole, name: string) => {
    const parameter = route.parameters.find((each) => each.in === "path" && each.name === name);
    return parameter === undefined ? whole : encodeURIComponent(givenFor(parameter));
  });
  const query = route.parameters
    .filter((parameter) => parameter.in === "query" && parameter.required === true)
    .map((parameter) => `${parameter.name}=${encodeURIComponent(givenFor(parameter))}`);
  const body = route.body === undefined ? undefined : JSON.stringify(sampleOf(route, route.body, known));
  return {
    method: route.method,
    path: query.length === 0 ? path : `${path}?${query.join("&")}`,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(route.method === "POST" ? { "idempotency-key": `fuzz-${random.below(2 ** 31)}` } : {}),
      ...(authorization === undefined ? {} : { authorization }),
    },
    body,
  };
}

/** Sends a request as it is. Returns what went wrong where there is no answer. */
function send(
  gateway: string,
  { method, path, headers, body }: FuzzRequest,
  timeoutMs: number,
): Promise<{ status: number; retryAfter: string | undefined } | string> {
  const [host, port] = gateway.split(":");
  // Node sends the body of a GET without its length, and the server would take it for another request.
  const framed = body === undefined ? headers : { ...headers, "content-length": String(Buffer.byteLength(body)) };
  const { promise, resolve } = Promise.withResolvers<{ status: number; retryAfter: string | undefined } | string>();
  try {
    const sent = httpRequest(
      { host, port, method, path: encodeURI(path).replaceAll("%25", "%"), headers: framed, agent: false },
      (answer) => {
        answer.resume();
        answer.once("end", () =>
          resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers["retry-after"] }),
        );
        answer.once("error", (error) => resolve(`broken: ${error.message}`));
      },
    );
    sent.setTimeout(timeoutMs, () => {
      resolve("hangs");
      sent.destroy();
    });
    // The server may refuse a large body before it has read it, and close the connection.
    sent.once("error", (error) =>
      resolve((body?.length ?? 0) > 1_000_000 ? { status: 413, retryAfter: undefined } : `broken: ${error.message}`),
    );
    sent.end(body);
  } catch {
    // Node refuses to send it at all.
    resolve({ status: 0, retryAfter: undefined });
  }
  return promise;
}
