import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import type { DescService, JsonValue, Message } from "@bufbuild/protobuf";
import { toJson } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl, Transport } from "@connectrpc/connect";
import { connectNodeAdapter, createConnectTransport } from "@connectrpc/connect-node";
import { createConnectTransport as createWebTransport } from "@connectrpc/connect-web";
import { createValidateInterceptor } from "@connectrpc/validate";
import { createProxy, type Proxy as TcpProxy } from "@sagacart/chassis/testing/proxy";

// biome-ignore lint/suspicious/noExplicitAny: each rpc has types of its own; the test that sets it knows them.
type Answer = (request: any, context: HandlerContext) => unknown;

/** A server in place of a shop, behind a connection that can be cut. */
export type StandIn = AsyncDisposable & {
  readonly asked: { readonly rpc: string; readonly request: JsonValue; readonly header: Headers }[];
  /** Sets the answer of an rpc from now on, by its name alone. Default: an empty message. */
  answer(rpc: string, answer: Answer): void;
  /** Ends all connections and refuses new ones, until `mend`. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  transport(kind: Kind): Transport;
};

export const kinds = ["node, HTTP/1.1", "node, HTTP/2", "web"] as const;
export type Kind = (typeof kinds)[number];

/** Starts one that serves these services over HTTP/1.1 and HTTP/2, each request checked by the contract's rules. */
export async function startStandIn(...services: readonly DescService[]): Promise<StandIn> {
  const asked: { rpc: string; request: JsonValue; header: Headers }[] = [];
  const answers = new Map<string, Answer>();
  const handler = connectNodeAdapter({
    interceptors: [createValidateInterceptor()],
    routes(router) {
      for (const service of services) {
        router.service(service, implementationOf(service));
      }
    },
  });
  function implementationOf(service: DescService): Partial<ServiceImpl<DescService>> {
    const entries = service.methods.map((method) => {
      const answer = (request: Message, context: HandlerContext) => {
        asked.push({ rpc: method.name, request: toJson(method.input, request), header: context.requestHeader });
        return answers.get(method.name)?.(request, context);
      };
      return [
        method.localName,
        method.methodKind === "server_streaming"
          ? async function* (request: Message, context: HandlerContext) {
              yield* (answer(request, context) ?? []) as AsyncIterable<object>;
            }
          : async (request: Message, context: HandlerContext) => (await answer(request, context)) ?? {},
      ];
    });
    return Object.fromEntries(entries);
  }
  const servers = [createServer(handler), createHttp2Server(handler)] as const;
  const proxies: TcpProxy[] = [];
  for (const server of servers) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    proxies.push(await createProxy({ host: "127.0.0.1", port }));
  }
  const [http1, http2] = proxies.map(({ port }) => `http://127.0.0.1:${port}`);
  return {
    asked,
    answer: (rpc, answer) => void answers.set(rpc, answer),
    async cut() {
      await Promise.all(proxies.map((proxy) => proxy.cut()));
    },
    async mend() {
      await Promise.all(proxies.map((proxy) => proxy.mend()));
    },
    transport(kind) {
      switch (kind) {
        case "node, HTTP/1.1":
          return createConnectTransport({ baseUrl: http1 ?? "", httpVersion: "1.1" });
        case "node, HTTP/2":
          return createConnectTransport({ baseUrl: http2 ?? "", httpVersion: "2" });
        case "web":
          return createWebTransport({ baseUrl: http1 ?? "" });
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
      await Promise.all(
        servers.map(async (server) => {
          server.close();
          await once(server, "close");
        }),
      );
    },
  };
}
