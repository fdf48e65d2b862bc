import { serviceTokenEnv, serviceTokensOf, tokenEnv } from "@sagacart/chassis/auth/env";
import type { ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { readEnv } from "@sagacart/chassis/process/config";
import { createLog } from "@sagacart/chassis/process/log";
import type { Addresses } from "@sagacart/workflows/clients";

/** The addresses that the bench passes to its child processes: those of the services and of Temporal. */
export type Surroundings = {
  readonly addresses: Addresses;
  readonly temporal: { readonly address: string; readonly namespace: string };
};

/** Reads the variables that `surroundingsEnv` sets. */
export function surroundings(env: NodeJS.ProcessEnv): Surroundings {
  const read = (name: string) => {
    const value = env[name];
    if (value === undefined || value === "") {
      throw new Error(`${name} is not set: this process must be started by the bench`);
    }
    return value;
  };
  return {
    addresses: {
      ORDER_ADDRESS: read("ORDER_ADDRESS"),
      STOCK_ADDRESS: read("STOCK_ADDRESS"),
      PAYMENT_ADDRESS: read("PAYMENT_ADDRESS"),
      SHIPPING_ADDRESS: read("SHIPPING_ADDRESS"),
    },
    temporal: { address: read("TEMPORAL_ADDRESS"), namespace: read("TEMPORAL_NAMESPACE") },
  };
}

export function surroundingsEnv({ addresses, temporal }: Surroundings): Record<string, string> {
  return {
    ...addresses,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  };
}

/** The variables with the tokens of the worker, for the usual saga's steps, and of the callers. */
export function tokensEnv(tokenEnvOf: (client: "worker" | "surfaces") => Readonly<Record<string, string>>) {
  return { ...tokenEnvOf("worker"), CALLERS_CLIENT_SECRET: tokenEnvOf("surfaces").SERVICE_CLIENT_SECRET ?? "" };
}

/** The worker's tokens, for the steps of a saga, from the variables of `tokensEnv`. */
export function workerTokens(env: NodeJS.ProcessEnv): ServiceTokens | undefined {
  const { AUTH_AUDIENCE } = tokenEnv();
  const log = createLog({ service: "bench", level: "warn" });
  return serviceTokensOf(readEnv({ ...serviceTokenEnv(), AUTH_AUDIENCE }, env), log);
}

/**
 * The tokens of the callers, from the variables of `tokensEnv`. They buy for many customers, as the surfaces do: an operator
 * who did so would claim a second key for each request.
 */
export function callersTokens(env: NodeJS.ProcessEnv): ServiceTokens | undefined {
  return workerTokens({
    ...env,
    SERVICE_CLIENT_ID: "surfaces",
    SERVICE_CLIENT_SECRET: env.CALLERS_CLIENT_SECRET,
  });
}
