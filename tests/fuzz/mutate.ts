import type { Random } from "./random.ts";

/** A request as it goes over the wire. */
export type FuzzRequest = {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
};

/** Makes a bad request of a good one: one to three changes of its body, path, query, headers or method. */
export function mutate(random: Random, request: FuzzRequest): FuzzRequest {
  let mutated = request;
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    mutated = random.pick(changesOf)(random, mutated);
  }
  return mutated;
}

type Change = (random: Random, request: FuzzRequest) => FuzzRequest;

const changeBody: Change = (random, request) => {
  if (request.body === undefined) return { ...request, body: JSON.stringify(random.pick(values)) };
  try {
    return { ...request, body: JSON.stringify(changeValue(random, JSON.parse(request.body))) };
  } catch {
    return request;
  }
};

/** Changes the text of the body: cut off, nested, with a key twice, or no JSON at all. */
const changeText: Change = (random, request) => {
  const body = request.body ?? "";
  const text = random.pick([
    body.slice(0, random.below(body.length + 1)),
    `${body}${body}`,
    `{"id":"a","id":"b",${body.slice(1)}`,
    `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
    `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`,
    `\uFEFF${body}`,
    body.replaceAll('"', "'"),
    '{"__proto__":{"polluted":true},"constructor":{"prototype":{}}}',
    "\0",
    "",
    "null",
    "x".repeat(2_000_000),
  ]);
  return { ...request, body: text };
};

const changePath: Change = (random, request) => {
  const [path = "", query] = request.path.split("?", 2);
  const parts = path.split("/");
  const index = 1 + random.below(Math.max(1, parts.length - 1));
  const changed = parts.with(Math.min(index, parts.length - 1), random.pick(pathParts)).join("/");
  return { ...request, path: query === undefined ? changed : `${changed}?${query}` };
};

const changeQuery: Change = (random, request) => {
  const name = random.pick([
    "pageSize",
    "pageToken",
    "limit",
    "cursor",
    "states",
    "customerId",
    "q",
    "a[b]",
    "__proto__",
  ]);
  const pair = `${name}=${random.pick(pathParts)}`;
  return { ...request, path: `${request.path}${request.path.includes("?") ? "&" : "?"}${pair}&${pair}` };
};

const changeHeader: Change = (random, request) => ({
  ...request,
  headers: { ...request.headers, ...random.pick(headers) },
});

const changeMethod: Change = (random, request) => ({
  ...request,
  method: random.pick(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
});

// The body most often: it is where most rules are.
const changesOf: readonly Change[] = [
  ...[changeBody, changeBody, changeBody, changeBody],
  ...[changeText, changePath, changeQuery, changeHeader, changeMethod],
];

/** Changes one place of a JSON value: another value, a field left out, added or renamed, an array that is long or twice. */
function changeValue(random: Random, value: unknown): unknown {
  if (Array.isArray(value) && value.length > 0 && random.below(4) > 0) {
    const index = random.below(value.length);
    return random.pick([
      () => value.with(index, changeValue(random, value[index])),
      () => [...value, ...value],
      () => Array.from({ length: 1_000 }, () => value[index]),
    ])();
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value) && random.below(6) > 0) {
    const entries = Object.entries(value);
    const entry = entries.length === 0 ? undefined : random.pick(entries);
    if (entry === undefined) return { unknown: random.pick(values) };
    const [name, inside] = entry;
    const others = Object.fromEntries(entries.filter(([other]) => other !== name));
    return random.pick([
      () => ({ ...value, [name]: changeValue(random, inside) }),
      () => ({ ...value, [name]: random.pick(values) }),
      () => ({ ...value, [name]: random.pick(values) }),
      () => others,
      () => ({ ...others, [`${name}\u200b`]: inside }),
      () => ({ ...value, unknown: random.pick(values) }),
    ])();
  }
  return random.pick(values);
}

const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });

const values: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 1.5, 1e308, 2 ** 31, 2 ** 53, -(2 ** 63), 1e-7],
  ...[
    "",
    " ",
    "0",
    "-1",
    "0x64",
    "1e1",
    "NaN",
    "Infinity",
    "null",
    "true",
    "\0",
    "a\0b",
    "\u200b",
    "\ud800",
    "😀".repeat(50),
  ],
  ...[
    "'; drop table orders; --",
    "<script>",
    "../../etc/passwd",
    "%00",
    "#{jndi:x}",
    "\r\nx: y",
    "\u202eabc",
    "e\u0301",
  ],
  ...[
    "x".repeat(300),
    "x".repeat(70_000),
    "9".repeat(40),
    "2030-02-30T00:00:00Z",
    "999999999999s",
    "EUR",
    "ZZZ",
    "@",
    "a@b",
  ],
  ...[[], {}, [null], [[]], [{}], { a: null }, nested(50), Array.from({ length: 200 }, (_, index) => index)],
];

const pathParts = [
  ...[
    "",
    ".",
    "..",
    "%2e%2e",
    "%00",
    "%ff",
    "%",
    "a%2fb",
    "😀",
    "x".repeat(64),
    "x".repeat(2_000),
    "-1",
    "0",
    "1e9",
    "null",
  ],
  ...["%0d%0ax:y", "a:b", "a:cancel", "a'b", "a%20b", "undefined", "[object Object]", "9".repeat(30), "-", "~", "me2"],
].map((part) => part.replaceAll(" ", "%20"));

const headers: readonly Readonly<Record<string, string>>[] = [
  ...[
    "text/plain",
    "application/xml",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    ";",
    "x",
  ].map((type) => ({ "content-type": type })),
  ...["", " ", "x".repeat(200), "a b", "\u00ff"].map((key) => ({ "idempotency-key": key })),
  ...["Bearer", "Bearer x", "Basic eDp5", "Bearer a.b.c", "x".repeat(9_000)].map((authorization) => ({
    authorization,
  })),
  ...['"0"', "*", 'W/"1"', "x", "9".repeat(100)].map((etag) => ({ "if-match": etag })),
  { accept: "text/html" },
  { "accept-encoding": "x" },
  { "x-request-id": "x".repeat(5_000) },
  { traceparent: "00-x-y-01" },
  { "x-forwarded-for": "x, y, z" },
  { "grpc-timeout": "1n" },
  { "connect-timeout-ms": "0" },
  { range: "bytes=0-" },
  { expect: "100-continue" },
];
