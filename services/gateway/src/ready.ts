import { type Channel, createServiceClient } from "@sagacart/chassis/client/client";
import type { Log } from "@sagacart/chassis/process/log";
import { type Health, health } from "@sagacart/chassis/rpc/health";
import { Health as HealthService } from "@sagacart/proto/grpc/health/v1/health";
import { type ServiceName, type Services, serviceNames } from "./services.ts";

/** Whether each service serves, as its own gRPC health tells. */
export type Readiness = AsyncDisposable & {
  readonly health: Health;
  readonly services: Readonly<Record<ServiceName, boolean>>;
};

/**
 * Asks all services once a second. The gateway is ready while those serve that a checkout needs. The notifier catches
 * up by itself, and who has signed in stays so, so that orders are taken while it or identity is away.
 */
export function watchReadiness({ channels }: Services, log: Log): Readiness {
  const serving: Record<ServiceName, boolean> = {
    order: false,
    stock: false,
    payment: false,
    shipping: false,
    notifier: false,
    identity: false,
  };
  const clients = new Map(serviceNames.map((name) => [name, healthOf(channels[name])]));
  const check = async () => {
    await Promise.all(
      [...clients].map(async ([name, isServing]) => {
        serving[name] = await isServing();
      }),
    );
    const away = serviceNames.filter((name) => !serving[name] && !spared.has(name));
    if (away.length > 0) {
      throw new Error(`not serving: ${away.join(", ")}`);
    }
  };
  const state = health({ check, intervalMs: 1_000, log });
  return { health: state, services: serving, [Symbol.asyncDispose]: () => state[Symbol.asyncDispose]() };
}

const spared: ReadonlySet<ServiceName> = new Set<ServiceName>(["notifier", "identity"]);

function healthOf(channel: Channel): () => Promise<boolean> {
  const client = createServiceClient(HealthService, channel);
  return async () => {
    try {
      const { status } = await client.check({ service: "" }, { timeoutMs: 1_500 });
      return status === servingStatus;
    } catch {
      // Whatever keeps it from answering, it does not serve.
      return false;
    }
  };
}

/** HealthCheckResponse.ServingStatus.SERVING. */
const servingStatus = 1;
