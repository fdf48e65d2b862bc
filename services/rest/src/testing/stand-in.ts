import type { DescMethod, DescService, JsonValue, Message } from "@bufbuild/protobuf";
import { toJson } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { Verifier } from "@sagacart/chassis/auth/verify";
import type { Log } from "@sagacart/chassis/process/log";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { health } from "@sagacart/chassis/rpc/health";
import { startServer } from "@sagacart/chassis/rpc/server";
import { silentLog } from "@sagacart/chassis/testing/log";
import type { Tls } from "@sagacart/chassis/tls/files";

/** A call to the stand-in; its request as JSON. */
export type Asked = { readonly rpc: string; readonly request: JsonValue; readonly header: Headers };

/** Answers an rpc: a response (partial), several for a stream, or what it throws. */
// biome-ignore lint/suspicious/noExplicitAny: each rpc has types of its own; the test that sets it knows them.
type Answer = (request: any, context: HandlerContext) => unknown;

export type StandIn = AsyncDisposable & {
  readonly address: string;
  readonly asked: Asked[];
  /** Sets the answer of an rpc from now on, by its name alone, such as `GetOrder`. */
  answer(rpc: string, answer: Answer): void;
};

export type StandInOptions = {
  readonly tls?: Tls;
  readonly maxConnectionAgeMs?: number;
  /** Checks tokens, and who may call what. */
  readonly verifier?: Verifier;
  readonly log?: Log;
};

/**
 * Starts these services on one real HTTP/2 port, with the chassis' server: requests are validated by the contract's rules.
 * An rpc answers with an empty message unless the test sets another answer, and its requests are recorded.
 */
export async function startStandIn(
  services: Iterable<DescService>,
  { tls, maxConnectionAgeMs = 0, verifier, log = silentLog }: StandInOptions = {},
): Promise<StandIn> {
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
    log,
    verifier,
    metrics: createMetrics("stand-in"),
    domain: "stand-in.sagacart",
    tls,
    maxConnectionAgeMs,
    routes(router) {
      for (const service of services) {
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
