import type { ServiceImpl } from "@connectrpc/connect";
import { Registry } from "prom-client";
import { createLog } from "../process/log.ts";
import { type Health, health } from "../rpc/health.ts";
import { type Server, type ServerOptions, startServer } from "../rpc/server.ts";
import { EchoService } from "./echo-service.ts";

export type TestServer = AsyncDisposable & {
  readonly server: Server;
  readonly address: string;
  readonly health: Health;
  readonly metrics: Registry;
  /** Resolves when its health says that it serves. */
  serving(): Promise<void>;
  /** The log's lines, parsed. */
  readonly lines: Record<string, unknown>[];
};

/** Starts an EchoService with these handlers on free ports. */
export async function startEcho(
  echo: Partial<ServiceImpl<typeof EchoService>>,
  options: Partial<ServerOptions> = {},
): Promise<TestServer> {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    service: "echo",
    level: "debug",
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const metrics = new Registry();
  const serving = health({ check: async () => {}, intervalMs: 1_000, log });
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    adminPort: 0,
    routes: (router) => router.service(EchoService, echo),
    health: serving,
    log,
    metrics,
    domain: "echo.sagacart",
    ...options,
  });
  return {
    server,
    address: `127.0.0.1:${server.port}`,
    health: serving,
    metrics,
    lines,
    async serving() {
      while (!serving.isServing()) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await serving[Symbol.asyncDispose]();
    },
  };
}
