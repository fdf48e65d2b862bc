import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { decodePageToken, encodePageToken, pageSize } from "@sagacart/chassis/postgres/page";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { type Consumer as ConsumerMessage, ConsumerSchema } from "@sagacart/proto/event/v1/consumer";
import {
  CommitPositionResponseSchema,
  type ConsumerService,
  DeleteConsumerResponseSchema,
  GetConsumerResponseSchema,
  ListConsumersResponseSchema,
  type ReplayConsumerRequest,
  ReplayConsumerResponseSchema,
} from "@sagacart/proto/event/v1/consumer_service";
import { Gauge } from "prom-client";
import {
  type Consumer,
  commitPosition,
  deleteConsumer,
  findConsumer,
  listConsumers,
  replayConsumer,
} from "./consumer-store.ts";
import { headPosition, positionBefore } from "./event-store.ts";

export const consumerReasons = defineReasons({
  CONSUMER_NOT_FOUND: Code.NotFound,
  CONSUMER_REPLAYED: Code.Aborted,
  POSITION_BEYOND_HEAD: Code.FailedPrecondition,
  REPLAY_NOT_BACK: Code.FailedPrecondition,
});

/** The RPCs of ConsumerService. `onReplay` is called after a consumer was set back. */
export function consumerService(options: {
  pool: Pool;
  log: Log;
  onReplay: () => void;
}): ServiceImpl<typeof ConsumerService> {
  const { pool, log, onReplay } = options;
  return {
    async listConsumers(request) {
      const [afterName] = decodePageToken(request.pageToken, list, ["string"]) ?? [""];
      const limit = pageSize(request.pageSize);
      const consumers = await listConsumers(pool, { afterName: afterName.replaceAll("\0", ""), limit });
      const last = consumers.length === limit ? consumers.at(-1) : undefined;
      return create(ListConsumersResponseSchema, {
        consumers: consumers.map(consumerMessage),
        nextPageToken: last === undefined ? "" : encodePageToken([last.name], list),
      });
    },
    async getConsumer({ name }) {
      return create(GetConsumerResponseSchema, { consumer: consumerMessage(await get(pool, name)) });
    },
    async commitPosition({ name, position, generation }) {
      const head = await headPosition(pool);
      if (position > head) {
        const message = `consumer ${name} acknowledges position ${position}, but the feed ends at ${head}`;
        const metadata = { consumer: name, position: String(position), head_position: String(head) };
        throw new DomainError(consumerReasons, "POSITION_BEYOND_HEAD", message, metadata);
      }
      if (!(await commitPosition(pool, { name, position, generation }))) {
        throw replayed(await get(pool, name));
      }
      return create(CommitPositionResponseSchema, { consumer: consumerMessage(await get(pool, name)) });
    },
    async replayConsumer(request) {
      const consumer = await replay(pool, request);
      const { name, generation, position } = consumer;
      log.info(
        {
          consumer: name,
          generation: String(generation),
          position: String(position),
          reason: request.reason,
          by: callContext()?.principal?.subject,
        },
        "a consumer was set back",
      );
      onReplay();
      return create(ReplayConsumerResponseSchema, { consumer: consumerMessage(consumer) });
    },
    async deleteConsumer({ name }) {
      await deleteConsumer(pool, name);
      return create(DeleteConsumerResponseSchema);
    },
  };
}

/** Creates the error for an unknown consumer. */
export function consumerNotFound(name: string): DomainError {
  const message = `there is no consumer ${name}; its first commit of a position creates it, 0 to read from the start`;
  return new DomainError(consumerReasons, "CONSUMER_NOT_FOUND", message, { consumer: name });
}

/** Exports `event_consumer_lag_events` and `event_consumer_lag_seconds` by consumer, measured at each scrape. */
export function measureConsumers({ pool, log, metrics }: { pool: Pool; log: Log; metrics: Metrics }): void {
  const measure = (name: string, help: string, lagOf: (consumer: Consumer) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ["consumer"],
      registers: [metrics],
      async collect() {
        this.reset();
        try {
          for (const consumer of await listConsumers(pool, { afterName: "", limit: measuredConsumers })) {
            this.set({ consumer: consumer.name }, lagOf(consumer));
          }
        } catch (error) {
          // Without a database, the other metrics are still needed.
          log.warn({ error, metric: name }, "the consumers' lag could not be measured");
        }
      },
    });
  measure("event_consumer_lag_events", "How many events of this feed a consumer is behind.", (consumer) =>
    Number(lagEvents(consumer)),
  );
  measure(
    "event_consumer_lag_seconds",
    "The age of the oldest event of this feed that a consumer has not acknowledged.",
    ({ lagMs }) => lagMs / 1_000,
  );
}

const list = "consumers";
/** Each is a series of its own; more than that are a mistake. */
const measuredConsumers = 200;

async function replay(pool: Pool, request: ReplayConsumerRequest): Promise<Consumer> {
  const { name, generation, reason } = request;
  const before = await get(pool, name);
  const position = await targetOf(pool, request);
  if (before.generation === generation + 1n && before.replayPosition === position) {
    // A repeated request.
    return before;
  }
  if (await replayConsumer(pool, { name, generation, position, reason })) {
    return await get(pool, name);
  }
  const consumer = await get(pool, name);
  if (consumer.generation !== generation) {
    throw replayed(consumer);
  }
  const message = `consumer ${name} has acknowledged position ${consumer.position} only; it cannot be set back to ${position}`;
  const metadata = { consumer: name, position: String(consumer.position), target: String(position) };
  throw new DomainError(consumerReasons, "REPLAY_NOT_BACK", message, metadata);
}

async function targetOf(pool: Pool, { target }: ReplayConsumerRequest): Promise<bigint> {
  switch (target.case) {
    case "afterPosition":
      return target.value;
    case "time":
      return await positionBefore(pool, timestampDate(target.value));
    case undefined:
      throw new Error("a replay must have a target: validation refuses one without");
    default:
      return target satisfies never;
  }
}

async function get(pool: Pool, name: string): Promise<Consumer> {
  const consumer = await findConsumer(pool, name);
  if (consumer === undefined) {
    throw consumerNotFound(name);
  }
  return consumer;
}

function replayed({ name, position, generation }: Consumer): DomainError {
  const message = `consumer ${name} was set back to position ${position}, which began generation ${generation}; read again from there`;
  const metadata = { consumer: name, position: String(position), generation: String(generation) };
  return new DomainError(consumerReasons, "CONSUMER_REPLAYED", message, metadata);
}

function lagEvents({ headPosition, position }: Consumer): bigint {
  return headPosition > position ? headPosition - position : 0n;
}

function consumerMessage(consumer: Consumer): ConsumerMessage {
  const { name, position, generation, seenTime, createTime, replayTime, replayReason } = consumer;
  return create(ConsumerSchema, {
    name,
    position,
    headPosition: consumer.headPosition,
    lagEvents: lagEvents(consumer),
    lag: durationFromMs(Math.round(consumer.lagMs)),
    generation,
    seenTime: timestampFromDate(seenTime),
    createTime: timestampFromDate(createTime),
    ...(replayTime === null ? {} : { replayTime: timestampFromDate(replayTime) }),
    replayReason,
  });
}
