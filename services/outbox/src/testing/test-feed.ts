import { type Client, type ConnectRouter, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { health } from "@sagacart/chassis/rpc/health";
import { startServer } from "@sagacart/chassis/rpc/server";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { silentLog } from "@sagacart/chassis/testing/log";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { appendEvents, type NewEvent } from "../events/append.ts";
import { createEventFeed } from "../events/feed.ts";
import { outboxTables } from "./tables.ts";

export type TestFeed = AsyncDisposable & {
  readonly address: string;
  readonly port: number;
  readonly pool: Pool;
  readonly events: Client<typeof EventService>;
  readonly consumers: Client<typeof ConsumerService>;
  /** Appends events in one transaction, and notifies the feed. */
  publish(events: readonly NewEvent[]): Promise<void>;
};

type Routes = (router: ConnectRouter) => void;

/** Starts a feed with a database of its own on a real port. `wrap` may change what it serves. */
export async function startTestFeed(
  source: string,
  wrap: (routes: Routes) => Routes = (routes) => routes,
): Promise<TestFeed> {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await testDatabase());
  const { url, pool } = database;
  await pool.query(outboxTables);
  const feed = stack.use(createEventFeed({ pool, url, source, log: silentLog }));
  const serving = stack.use(health({ check: async () => {}, intervalMs: 1_000, log: silentLog }));
  const server = stack.use(
    await startServer({
      host: "127.0.0.1",
      port: 0,
      adminPort: 0,
      routes: wrap(feed.routes),
      health: serving,
      log: silentLog,
      metrics: createMetrics("feed"),
      domain: "feed.sagacart",
    }),
  );
  const transport: Transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.port}` });
  return {
    address: `127.0.0.1:${server.port}`,
    port: server.port,
    pool,
    events: createClient(EventService, transport),
    consumers: createClient(ConsumerService, transport),
    async publish(events) {
      await appendEvents(pool, events);
      feed.notify();
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Returns events of this type, one for each subject. */
export function oneEach(
  type: string,
  subjects: readonly string[],
  sequence = 1,
  data: NewEvent["data"] = {},
): NewEvent[] {
  return subjects.map((subject) => ({ subject, sequence, type, data }));
}
