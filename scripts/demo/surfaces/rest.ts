import assert from "node:assert/strict";

// biome-ignore lint/suspicious/noExplicitAny: bodies of many kinds, read by the story that knows them.
export type Body = any;

export type Question = {
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** The expected status. Default: 200. */
  readonly status?: number;
};

/**
 * Sends a request, for example `POST /orders/create/7`, prints it and its response, and returns the body. Throws if the
 * status differs from the expected one.
 */
export type Ask = (request: string, question?: Question) => Promise<Body>;

/** Returns a function that sends requests to the gateway at this URL. */
export function createAsk(origin: string, say: (line: string) => void): Ask {
  return async (request, { body, headers = {}, status = 200 } = {}) => {
    const [method = "GET", path = "/"] = request.split(" ");
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const shown = Object.entries(headers).filter(([name]) => !secretHeaders.has(name));
    const sent = [request, ...shown.map(([name, value]) => `(${name}: ${value})`), body && JSON.stringify(body)];
    say(
      short(
        sent
          .filter(Boolean)
          .join(" ")
          .replace(/"((?:new)?password)":"[^"]*"/i, '"$1":"…"'),
      ),
    );
    say(short(`  → ${response.status} ${errorOf(text) ?? text}`));
    assert.equal(response.status, status, `${request} returned ${response.status}: ${short(text)}`);
    return response.headers.get("content-type")?.includes("json") === true ? JSON.parse(text) : text;
  };
}

const secretHeaders: ReadonlySet<string> = new Set(["authorization", "guest-token"]);

/** Returns the reason and message of a problem document; undefined for other bodies. */
function errorOf(text: string): string | undefined {
  if (!text.startsWith('{"type":')) {
    return undefined;
  }
  const { reason, error } = JSON.parse(text);
  return `${reason}: ${error}`;
}

/** Shortens a text to one line without secrets; generated ids are shown by their distinct last digits. */
function short(text: string): string {
  const line = text
    .replaceAll(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{6}([0-9a-f]{6})/g, "…$1")
    .replaceAll(/"((?:access|refresh|guest)?token|(?:new)?password)":"[^"]*"/gi, '"$1":"…"');
  return line.length <= mostCharacters ? line : `${line.slice(0, mostCharacters - 1)}…`;
}

const mostCharacters = 160;
