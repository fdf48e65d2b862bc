import { EventEmitter, once } from "node:events";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { type HealthCheckResponse_ServingStatus, Health as HealthService } from "@sagacart/proto/grpc/health/v1/health";
import type { Log } from "../process/log.ts";
import { startLoop } from "../process/loop.ts";
import { within } from "../time/at-most.ts";

/** A server's health: serving while the check succeeds, and never again once it drains. */
export type Health = AsyncDisposable & {
  isServing(): boolean;
  /** Reports not serving from now on, to watchers too. */
  setDraining(): void;
  /**
   * Adds grpc.health.v1 (Check, List and Watch), for "" (the whole server), each of these services, and "alive", which is
   * serving as long as the process answers: a pod whose database is down is not ready, but must not be restarted.
   */
  serve(router: ConnectRouter, services: readonly string[]): void;
};

export type HealthOptions = {
  /** Rejects if a dependency of the service does not work, for example by `select 1`. */
  check: () => Promise<unknown>;
  /** How long a check may take; by default 2 seconds. */
  limitMs?: number;
  intervalMs: number;
  log: Log;
};

/** Runs the check periodically in the background. Not serving until it has succeeded once. */
export function health({ check, limitMs = 2_000, intervalMs, log }: HealthOptions): Health {
  const changes = new EventEmitter().setMaxListeners(0);
  let healthy = false;
  let draining = false;
  const set = (change: () => void) => {
    const before = healthy && !draining;
    change();
    if ((healthy && !draining) !== before) {
      changes.emit("change");
    }
  };
  const loop = startLoop({
    name: "health",
    log,
    run: async () => {
      const error = await failureOf(check, limitMs);
      if (error !== undefined && healthy) {
        log.warn({ error }, "not serving: the health check fails");
      } else if (error === undefined && !healthy) {
        log.info("serving: the health check succeeds");
      }
      set(() => {
        healthy = error === undefined;
      });
      return { waitMs: intervalMs };
    },
  });
  const isServing = () => healthy && !draining;
  return {
    isServing,
    setDraining: () =>
      set(() => {
        draining = true;
      }),
    serve: (router, services) => serve(router, new Set(["", ...services]), isServing, changes),
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}

function serve(router: ConnectRouter, services: Set<string>, isServing: () => boolean, changes: EventEmitter): void {
  const statusOf = (service: string): HealthCheckResponse_ServingStatus => {
    if (service === alive) {
      return status.serving;
    }
    if (!services.has(service)) {
      return status.serviceUnknown;
    }
    return isServing() ? status.serving : status.notServing;
  };
  router.service(HealthService, {
    check({ service }) {
      if (service !== alive && !services.has(service)) {
        throw new ConnectError(`there is no service ${service} here`, Code.NotFound);
      }
      return { status: statusOf(service) };
    },
    list() {
      return {
        statuses: Object.fromEntries([...services].map((service) => [service, { status: statusOf(service) }])),
      };
    },
    async *watch({ service }, { signal }) {
      let sent: HealthCheckResponse_ServingStatus | undefined;
      while (!signal.aborted) {
        const now = statusOf(service);
        if (now === sent) {
          // An abort ends the wait, and the loop ends with it.
          await once(changes, "change", { signal }).catch(() => {});
        } else {
          sent = now;
          yield { status: now };
        }
      }
    },
  });
}

/** The service name that Kubernetes' startup and liveness probes check. */
const alive = "alive";

/** HealthCheckResponse.ServingStatus. */
const status = { serving: 1, notServing: 2, serviceUnknown: 3 } as const;

async function failureOf(check: () => Promise<unknown>, limitMs: number): Promise<unknown> {
  try {
    await within(limitMs, check(), () => new Error(`the health check took more than ${limitMs} ms`));
    return undefined;
  } catch (error) {
    return error ?? new Error("the health check failed");
  }
}
