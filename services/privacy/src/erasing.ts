import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { Client, ConnectRouter } from "@connectrpc/connect";
import { type Channel, createServiceClient } from "@sagacart/chassis/client/client";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { startEventConsumer } from "@sagacart/outbox/events/consumer";
import { eventCursor } from "@sagacart/outbox/events/cursor-store";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { ServiceErasure_State } from "@sagacart/proto/identity/v1/erasure";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { PersonalDataService } from "@sagacart/proto/privacy/v1/personal_data_service";
import { erasePersonalData, findPersonalData } from "./erase-store.ts";
import { claimErasures, type DueErasure, insertErasures, listErased, markDone, markReported } from "./erasure-store.ts";
import { personalDataService } from "./export-service.ts";
import { personalData, type ServiceWithTables } from "./personal-data.ts";
import { type ErasedCustomers, refusingErased } from "./refusing.ts";

export type ErasingOptions = {
  readonly service: ServiceWithTables;
  readonly pool: Pool;
  readonly log: Log;
  /** The channel to identity. */
  readonly channel: Channel;
  /** How long after it has heard of a deletion it begins: longer than calls and transactions last that had begun before. */
  readonly settleMs: number;
  /** The services that must be done before: they may still send personal data here. */
  readonly after?: readonly ServiceWithTables[];
  /** The methods that may name a deleted customer, see refusingErased. */
  readonly allowed?: readonly DescMethod[];
  /** Finds other ids of the same person, for example of a guest whose order the customer has claimed. */
  readonly findAliases?: (db: Pool, customerId: string) => Promise<readonly string[]>;
  /** Returns the customers that a request names by other fields than its own `customer_id`, for example by a guest's token. */
  readonly customersOf?: (request: Message) => readonly string[];
  /** The pause before an erasure that has to wait is tried again, in ms; it grows to a minute. */
  readonly retryMs?: number;
  /** How often to look for due erasures, and for deletions that another process has heard of, in ms. */
  readonly pollMs?: number;
};

export type Erasing = {
  /** True for a customer whose account was deleted. It is known within a second of the event. */
  isErased(customerId: string): boolean;
  /** Wraps the service's routes: adds the export, and refuses changes for deleted customers. */
  routes(routes: (router: ConnectRouter) => void): (router: ConnectRouter) => void;
  readonly background: readonly AsyncDisposable[];
};

/**
 * Deletes the personal data of users that identity has deleted. It hears of them by identity's feed, and from then on refuses
 * new data. After a pause, in which earlier calls end, it deletes what it has, row by row, and waits for what is still
 * needed. When nothing is left it reports that to identity. Each step is recorded, so a process that dies is replaced by any
 * other at the step where it was.
 */
export function startErasing(options: ErasingOptions): Erasing {
  const { service, pool, log, channel, settleMs, retryMs = 1_000, pollMs = 1_000, allowed = [] } = options;
  const identity = createServiceClient(IdentityService, channel);
  const tables = personalData[service];
  const erasedIds = new Set<string>();
  let since: Date | undefined;
  const loaded = Promise.withResolvers<void>();
  let loading: Promise<void> | undefined = loaded.promise;
  const isErased = (customerId: string) => erasedIds.has(customerId);
  const erased: ErasedCustomers = {
    has: isErased,
    get loading() {
      return loading;
    },
  };
  const consumer = startEventConsumer<readonly string[]>({
    ...{ pool, log },
    events: createServiceClient(EventService, channel),
    consumers: createServiceClient(ConsumerService, channel),
    name: `${service}.erasure`,
    cursor: erasureCursor,
    types: ["sagacart.user.deleted.v1"],
    async take(tx, events) {
      const ids = events.map(({ subject }) => subject);
      await insertErasures(tx, ids, settleMs);
      return ids;
    },
    onTaken(ids) {
      for (const id of ids) {
        erasedIds.add(id);
      }
    },
  });
  const listening = startLoop({
    name: "erased-customers",
    log,
    async run() {
      const { customerIds, next } = await listErased(pool, since);
      for (const id of customerIds) {
        erasedIds.add(id);
      }
      since = next;
      loading = undefined;
      loaded.resolve();
      return { waitMs: pollMs };
    },
  });
  const erasing = startLoop({
    name: "erasing",
    log,
    async run() {
      const due = await claimErasures(pool, { limit: erasuresAtOnce, retryMs, longestMs: 60_000 });
      for (const erasure of due) {
        await advance({ ...options, identity }, erasure);
      }
      return due.length === erasuresAtOnce ? "again" : { waitMs: pollMs };
    },
  });
  return {
    isErased,
    routes: (routes) => (router) => {
      routes(refusingErased(router, erased, { allowed, customersOf: options.customersOf }));
      router.service(PersonalDataService, personalDataService({ pool, tables }));
    },
    background: [consumer, listening, erasing],
  };
}

const erasuresAtOnce = 20;

const erasureCursor = eventCursor({ table: "erasure_cursors", feed: "identity" });

type Advancing = ErasingOptions & { readonly identity: Client<typeof IdentityService> };

/** Does what can be done of an erasure now. A failure is logged, and does not hold up others: it is tried again. */
async function advance(options: Advancing, { customerId, isDone, tries }: DueErasure): Promise<void> {
  const { pool, log, service, identity } = options;
  try {
    if (!isDone) {
      const others = await findPending(options, customerId);
      for (const alias of (await options.findAliases?.(pool, customerId)) ?? []) {
        await identity.eraseCustomer({ id: alias, ofUserId: customerId }, { timeoutMs: 5_000 });
      }
      const tables = personalData[service];
      await erasePersonalData(pool, tables, customerId);
      const left = await findPersonalData(pool, tables, customerId);
      if (left.length > 0 || others.length > 0) {
        log.debug({ customerId, left, others }, "an erasure waits");
        return;
      }
      await markDone(pool, customerId);
      log.info({ customerId }, "deleted the personal data of a deleted user");
    }
    await identity.reportErasure({ userId: customerId, service }, { timeoutMs: 5_000 });
    await markReported(pool, customerId);
  } catch (error) {
    log.warn({ error, customerId, tries }, "an erasure failed; it will be tried again");
  }
}

/** Returns the services that this one has to wait for. Asked before it deletes: what they sent until then is found. */
async function findPending({ after = [], identity }: Advancing, userId: string): Promise<string[]> {
  if (after.length === 0) {
    return [];
  }
  const { erasure } = await identity.getErasure({ id: userId }, { timeoutMs: 5_000 });
  const done = new Set(
    erasure?.services.flatMap(({ service, state }) => (state === ServiceErasure_State.DONE ? [service] : [])),
  );
  return after.filter((service) => !done.has(service));
}
