import type { DescMethod, DescService, JsonValue, Message } from "@bufbuild/protobuf";
import { toJson } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { health } from "@sagacart/chassis/rpc/health";
import { startServer } from "@sagacart/chassis/rpc/server";
import { silentLog } from "@sagacart/chassis/testing/log";
import type { Tls } from "@sagacart/chassis/tls/files";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { SagaService } from "@sagacart/proto/order/v1/saga_service";
import type { FastifyInstance } from "fastify";
import { watchReadiness } from "./ready.ts";
import { createGateway, type GatewayOptions } from "./server.ts";
import { openServices, publicServices, type ServiceName } from "./services.ts";

/** What an rpc of the stand-in was asked, as JSON. */
export type Asked = { readonly rpc: string; readonly request: JsonValue; readonly header: Headers };

/** Answers an rpc: a response (partial), several for a stream, or what it throws. */
// biome-ignore lint/suspicious/noExplicitAny: each rpc has types of its own; the test that sets it knows them.
type Answer = (request: any, context: HandlerContext) => unknown;

export type StandIn = AsyncDisposable & {
  readonly address: string;
  readonly asked: Asked[];
  /** From now on this rpc answers so; by its name alone, as `GetOrder`. */
  answer(rpc: string, answer: Answer): void;
};

/**
 * All the services on one real HTTP/2 port, by the chassis' server: requests are validated by the contract's rules.
 * An rpc answers with an empty message unless told otherwise, and what it was asked is kept.
 */
export async function startStandIn({
  tls,
  maxConnectionAgeMs = 0,
}: {
  tls?: Tls;
  maxConnectionAgeMs?: number;
} = {}): Promise<StandIn> {
  const asked: Asked[] = [];
  const answers = new Map<string, Answer>();
  const keep = (method: DescMethod, request: Message, context: HandlerContext) => {
    asked.push({
      rpc: method.name,
      request: toJson(method.input, request),
      header: context.requestHeader,
    });
    return answers.get(method.name)?.(request, context);
  };
  const implement = (service: DescService) =>
    Object.fromEntries(
      service.methods.map((method) => [
        method.localName,
        method.methodKind === "server_streaming"
          ? async function* (request: Message, context: HandlerContext) {
              yield* (keep(method, request, context) ?? []) as AsyncIterable<object>;
            }
          : async (request: Message, context: HandlerContext) => (await keep(method, request, context)) ?? {},
      ]),
    );
  const state = health({ check: async () => {}, intervalMs: 50, log: silentLog });
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    adminPort: 0,
    health: state,
    log: silentLog,
    metrics: createMetrics("stand-in"),
    domain: "stand-in.sagacart",
    tls,
    maxConnectionAgeMs,
    routes(router) {
      for (const service of [...publicServices.keys(), SagaService, CommandService]) {
        router.service(service, implement(service) as never);
      }
    },
  });
  return {
    // A certificate is for a name.
    address: `${tls === undefined ? "127.0.0.1" : "localhost"}:${server.port}`,
    asked,
    answer: (rpc, answer) => answers.set(rpc, answer),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await state[Symbol.asyncDispose]();
    },
  };
}

export type TestGateway = AsyncDisposable & {
  readonly app: FastifyInstance;
  readonly url: string;
  readonly port: number;
  /** Sends a request; a body that is no text goes as JSON. */
  send(request: string, options?: { body?: unknown; headers?: Record<string, string> }): Promise<TestAnswer>;
};

// biome-ignore lint/suspicious/noExplicitAny: tests look into it.
export type TestAnswer = { readonly status: number; readonly headers: Headers; readonly body: any };

/** The gateway on a free port, in front of what stands at this address. */
export async function startTestGateway(
  address: string,
  {
    tokens,
    addresses,
    keepaliveIntervalMs,
    ...options
  }: Partial<GatewayOptions> & {
    tokens?: ServiceTokens;
    addresses?: Partial<Record<ServiceName, string>>;
    keepaliveIntervalMs?: number;
  } = {},
): Promise<TestGateway> {
  const metrics = createMetrics("gateway");
  const at = {
    order: address,
    stock: address,
    payment: address,
    shipping: address,
    notifier: address,
    identity: address,
    ...addresses,
  };
  const services = openServices(at, metrics, tokens, { tls: options.tls, keepaliveIntervalMs });
  const readiness = watchReadiness(services, silentLog);
  const app = await createGateway({
    services,
    readiness,
    log: silentLog,
    metrics,
    openSurfaces: true,
    corsOrigins: [],
    currency: "USD",
    paymentMethod: "pm_ok",
    bodyLimitBytes: 1024 * 1024,
    // Nobody is there, unless the test says who.
    identityUrl: "http://127.0.0.1:1",
    heartbeatMs: 50,
    ...options,
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  return {
    app,
    url,
    port: Number(new URL(url).port),
    async send(request, { body, headers = {} } = {}) {
      const [method = "GET", path = "/"] = request.split(" ");
      const json: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { ...json, ...headers },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.includes("json") === true;
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await readiness[Symbol.asyncDispose]();
      services[Symbol.dispose]();
    },
  };
}
