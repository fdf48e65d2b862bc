import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  type Message,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { accessRule } from "@sagacart/chassis/auth/access";
import { errorInfo } from "@sagacart/chassis/errors";
import { createLog, type Log } from "@sagacart/chassis/process/log";
import { isServerStreaming, isUnary } from "@sagacart/chassis/rpc/method-kind";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isPublic } from "../passthrough/connect.ts";
import { publicServices } from "../services.ts";
import { startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { postOverHttp2 } from "../testing/post-over-http2.ts";
import { v1Bindings } from "../v1/v1.ts";

const cleanup = new AsyncDisposableStack();
let issuer: TestIssuer;
let service: string;
let gateway: TestGateway;
let headers: { authorization: string };
let lines: string[] = [];

beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  const verifier = issuer.verifier();
  const log: Log = createLog({ service: "test", level: "debug", destination: { write: (line) => lines.push(line) } });
  const standIn = cleanup.use(await startStandIn({ verifier, log }));
  service = `http://${standIn.address}`;
  gateway = cleanup.use(await startTestGateway(standIn.address, { verifier, log }));
  const authorization = await issuer.bearer("customer-1", ["customer"]);
  headers = { authorization };
});
afterAll(() => cleanup.disposeAsync());
beforeEach(() => {
  lines = [];
});

/** Texts of 50,000 characters: plain ones, and those that grow most when gRPC percent-encodes them. */
const values = { plain: "x".repeat(50_000), "percent-encoded": "€".repeat(50_000), "with emoji": "🍎".repeat(25_000) };
const methods = [...publicServices.keys()].flatMap((desc) => desc.methods.filter(isPublic));

const protocols: Record<string, (baseUrl: string) => Transport> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  "gRPC with JSON": (baseUrl) => createGrpcTransport({ baseUrl, useBinaryFormat: false }),
  "gRPC-Web": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
  Connect: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" }),
  "Connect with JSON": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false }),
};

const fields = methods.flatMap((method) => stringFields(method.input).map((path) => ({ method, path })));

test("the contract has hundreds of text fields", () => {
  expect(fields.length).toBeGreaterThan(300);
});

// Each field over one protocol in turn, and a customer's id, which is checked before all else, over each.
describe.each(Object.entries(protocols))("over %s", (name, open) => {
  test("50,000 characters in a text field are the caller's mistake", { timeout: 120_000 }, async () => {
    const turn = Object.keys(protocols).indexOf(name);
    const own = fields.filter(
      ({ path }, index) => index % Object.keys(protocols).length === turn || path[0]?.name === "customer_id",
    );
    const failures: unknown[] = [];
    for (const url of [service, gateway.url]) {
      const transport = open(url);
      for (const [index, { method, path }] of own.entries()) {
        const long = Object.values(values)[index % 3] ?? "";
        // The gateway takes at most 64 KiB where nobody is signed in.
        const value = url === gateway.url && accessRule(method).anyone ? long.slice(0, 20_000) : long;
        const error = await call(transport, method, withText(method.input, path, value));
        if (error !== undefined && !isBounded(error)) {
          const names = path.map((field) => field.name).join(".");
          failures.push([url === service ? "service" : "gateway", method.name, names, shown(error)]);
        }
      }
    }
    expect(failures).toEqual([]);
    expect(longLines()).toEqual([]);
  });
});

function longLines(): string[] {
  return lines.filter((line) => line.length > 4_000).map((line) => line.slice(0, 300));
}

test.each(v1Bindings)("$verb $template bounds what its errors repeat", async (binding) => {
  const { verb, template, method } = binding;
  for (const [index, path] of stringFields(method.input).entries()) {
    const value = Object.values(values)[index % 3] ?? "";
    // Paths and queries are bounded by the router and the parser: the longest that they let through.
    const inUrl = encodeURIComponent(value.slice(0, 300)).slice(0, 900);
    const filled = template.replaceAll(/\{[a-z0-9_.]+\}/g, inUrl);
    const isQuery = binding.body === undefined;
    const query = isQuery ? `?${[...binding.query.keys()][0]}=${inUrl}&${inUrl}=1` : "";
    const answer = await gateway.send(`${verb} ${filled}${query}`, {
      ...(isQuery ? {} : { body: toJson(method.input, withText(method.input, path, value)) }),
      headers: { ...headers, "idempotency-key": "k" },
    });
    const at = path.map(({ name }) => name).join(".");
    expect(answer.status, at).toBeLessThan(500);
    expect(JSON.stringify(answer.body).length, at).toBeLessThan(16_000);
  }
  expect(longLines()).toEqual([]);
});

test("names of fields that are repeated are bounded too", async () => {
  const name = "x".repeat(50_000);
  const answers = [
    await gateway.send("POST /v1/carts", { body: { [name]: 1 }, headers: { ...headers, "idempotency-key": "k" } }),
    await post(`${gateway.url}/sagacart.order.v1.OrderService/GetOrder`, { [name]: 1 }),
    await post(`${service}/sagacart.order.v1.OrderService/GetOrder`, { [name]: 1 }, "h2"),
  ];
  for (const { status, body } of answers) {
    expect(status).toBe(400);
    expect(JSON.stringify(body).length).toBeLessThan(4_000);
  }
});

async function post(url: string, body: object, version?: "h2"): Promise<{ status: number; body: unknown }> {
  if (version === undefined) {
    const answer = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  }
  return postOverHttp2(url, { ...headers, "content-type": "application/json" }, JSON.stringify(body));
}

async function call(transport: Transport, method: DescMethod, message: Message): Promise<ConnectError | undefined> {
  const timeoutMs = 10_000;
  try {
    if (isUnary(method)) {
      await transport.unary(method, undefined, timeoutMs, headers, message);
    } else if (isServerStreaming(method)) {
      const answer = await transport.stream(method, undefined, timeoutMs, headers, once(message));
      for await (const _ of answer.message) {
        // All of it, up to its error.
      }
    }
    return undefined;
  } catch (error) {
    return ConnectError.from(error);
  }
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

const callersMistakes = new Set([Code.InvalidArgument, Code.PermissionDenied, Code.NotFound, Code.FailedPrecondition]);

function isBounded(error: ConnectError): boolean {
  const { code, reason, message, metadata, violations } = errorInfo(error);
  const texts = [...Object.entries(metadata).flat(), ...violations.flatMap((each) => Object.values(each))];
  return (
    callersMistakes.has(code) &&
    reason !== "" &&
    Buffer.byteLength(message) <= 700 &&
    texts.every((text) => Buffer.byteLength(text) <= 300)
  );
}

function shown(error: ConnectError): string {
  return `${Code[error.code]} ${error.rawMessage.slice(0, 100)} (${error.rawMessage.length})`;
}

type Path = readonly DescField[];

/** The paths to all texts in a message, those of lists, maps and field masks too. */
function stringFields(message: DescMessage, before: Path = []): Path[] {
  return message.fields.flatMap((field) => {
    const path = [...before, field];
    if (field.message !== undefined) {
      const isOpen = !field.message.typeName.startsWith("google.protobuf.") || field.message.name === "FieldMask";
      return isOpen && path.length <= 4 ? stringFields(field.message, path) : [];
    }
    return field.scalar === ScalarType.STRING || (field.fieldKind === "map" && field.mapKey === ScalarType.STRING)
      ? [path]
      : [];
  });
}

function withText(schema: DescMessage, [field, ...rest]: Path, value: string): Message {
  const message = reflect(schema, create(schema));
  set(message, field as DescField, rest, value);
  return message.message;
}

function set(message: ReflectMessage, field: DescField, rest: Path, value: string): void {
  const item = () =>
    field.message === undefined ? value : reflect(field.message, withText(field.message, rest, value));
  switch (field.fieldKind) {
    case "list":
      message.get(field).add(item());
      break;
    case "map":
      message.get(field).set(value, field.scalar === ScalarType.STRING ? value : item());
      break;
    default:
      message.set(field, item());
  }
}
