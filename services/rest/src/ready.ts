import type { FollowedRevocations } from "@sagacart/chassis/auth/revocations";
import { type Channel, createServiceClient } from "@sagacart/chassis/client/client";
import type { Log } from "@sagacart/chassis/process/log";
import { type Health, health } from "@sagacart/chassis/rpc/health";
import { Health as HealthService } from "@sagacart/proto/grpc/health/v1/health";
import type { Channels } from "./channels.ts";
import { isNeeded, type ServiceName } from "./needed-services.ts";

/** Tells which services serve, by their own gRPC health. */
export type Readiness = AsyncDisposable & {
  readonly health: Health;
  readonly services: Readonly<Record<string, boolean>>;
};

export type ReadinessOptions = {
  readonly log: Log;
  /** The revoked tokens, which are to be known before this process is ready. Disposed of with the readiness. */
  readonly revocations?: FollowedRevocations | undefined;
};

/** How long a process that starts waits for the list of revoked tokens before it is ready without it. */
const revocationsWaitMs = 5_000;

/** Asks all services once a second. This process is ready while those serve that it needs. */
export function watchReadiness<Name extends ServiceName>(
  channels: Channels<Name>,
  { log, revocations }: ReadinessOptions,
): Readiness {
  const all: Readonly<Partial<Record<ServiceName, Channel>>> = channels;
  const names = (Object.keys(isNeeded) as ServiceName[]).filter((name) => all[name] !== undefined);
  const serving: Record<string, boolean> = Object.fromEntries(names.map((name) => [name, false]));
  const clients = names.flatMap((name) => (all[name] === undefined ? [] : [[name, healthOf(all[name])] as const]));
  // Not for ever: while identity is away, what needs no token is still served. Tokens are refused until it is known.
  const known = revocations?.known(revocationsWaitMs);
  const check = async () => {
    await known;
    await Promise.all(
      clients.map(async ([name, isServing]) => {
        serving[name] = await isServing();
      }),
    );
    const away = names.filter((name) => !serving[name] && isNeeded[name]);
    if (away.length > 0) {
      throw new Error(`not serving: ${away.join(", ")}`);
    }
  };
  const state = health({ check, intervalMs: 1_000, log });
  return {
    health: state,
    services: serving,
    async [Symbol.asyncDispose]() {
      await state[Symbol.asyncDispose]();
      await revocations?.[Symbol.asyncDispose]();
    },
  };
}

function healthOf(channel: Channel): () => Promise<boolean> {
  const client = createServiceClient(HealthService, channel);
  return async () => {
    try {
      const { status } = await client.check({ service: "" }, { timeoutMs: 1_500 });
      return status === servingStatus;
    } catch {
      // Whatever the reason, a service that does not answer does not serve.
      return false;
    }
  };
}

/** HealthCheckResponse.ServingStatus.SERVING. */
const servingStatus = 1;
