import type { ConnectRouter } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { createWake } from "@sagacart/chassis/postgres/wake";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { consumerService, measureConsumers } from "./consumer-service.ts";
import { eventService } from "./event-service.ts";
import { startSequencer } from "./sequencer.ts";

export type FeedOptions = {
  pool: Pool;
  url: string;
  /** The `source` attribute of the CloudEvents, for example `/sagacart/payment`. */
  source: string;
  log: Log;
  /** Where the lag of its consumers is measured. */
  metrics?: Metrics | undefined;
};

export type EventFeed = AsyncDisposable & {
  /** Wakes the sequencer: events were committed. Without it they enter the feed within a second. */
  notify(): void;
  /** Serves EventService and ConsumerService. */
  routes(router: ConnectRouter): void;
};

/**
 * The feed of a service's events.
 *
 * A serial column would make a poor cursor: a transaction that commits late puts its events before positions that readers
 * have passed. So events are written without a position, each transaction leaves a note of what it appended, and the
 * sequencer, of which only one works at a time (an advisory lock), takes the notes that are committed and gives their
 * events the next positions. Notes are numbered while the subjects' rows are locked, so a subject's events come in their
 * sequence. Neither events nor positions are ever updated: an update of each event cost a third of all that a checkout
 * costs in this database.
 */
export function createEventFeed({ pool, url, source, log, metrics }: FeedOptions): EventFeed {
  const committed = createWake({ url, channel: "events_committed", log });
  const sequenced = createWake({ url, channel: "events_sequenced", log });
  const wakeReaders = () => sequenced.wake();
  const sequencer = startSequencer({ pool, log, committed, onSequenced: wakeReaders });
  if (metrics !== undefined) {
    measureConsumers({ pool, log, metrics });
  }
  return {
    notify: () => committed.wake(),
    routes(router) {
      router.service(EventService, eventService({ pool, source, sequenced }));
      router.service(ConsumerService, consumerService({ pool, log, onReplay: wakeReaders }));
    },
    async [Symbol.asyncDispose]() {
      await sequencer[Symbol.asyncDispose]();
      await committed[Symbol.asyncDispose]();
      await sequenced[Symbol.asyncDispose]();
    },
  };
}
