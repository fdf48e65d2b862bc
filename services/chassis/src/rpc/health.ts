import { EventEmitter, once } from "node:events";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { type HealthCheckResponse_ServingStatus, Health as HealthService } from "@sagacart/proto/grpc/health/v1/health";
import type { Log } from "../process/log.ts";
import { startLoop } from "../process/loop.ts";
import { within } from "../time/at-most.ts";

/** Whether to send traffic here: yes while the check succeeds, and no for good once the server drains. */
export type Health = AsyncDisposable & {
  isServing(): boolean;
  /** Not serving from now on. Whoever watches is told. */
  setDraining(): void;
  /**
   * Adds grpc.health.v1 (Check, List and Watch), for "" (the whole server), each of these services, and "alive", which
   * serves for as long as the process answers: a pod whose database is away is not ready, and must not be restarted.
   */
  serve(router: ConnectRouter, services: readonly string[]): void;
};

export type HealthOptions = {
  /** What must work for the service to work, like `select 1`. */
  check: () => Promise<unknown>;
  /** How long a check may take; 2 seconds unless told otherwise. */
  limitMs?: number;
  intervalMs: number;
  log: Log;
};

/** Checks now and then in the background. Not serving before the first check has succeeded. */
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
      let told: HealthCheckResponse_ServingStatus | undefined;
      while (!signal.aborted) {
        const now = statusOf(service);
        if (now === told) {
          // An abort ends the wait, and the loop ends with it.
          await once(changes, "change", { signal }).catch(() => {});
        } else {
          told = now;
          yield { status: now };
        }
      }
    },
  });
}

/** What Kubernetes' startup and liveness probes ask for. */
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
