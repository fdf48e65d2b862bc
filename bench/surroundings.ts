import { serviceTokenEnv, serviceTokensOf, tokenEnv } from "@sagacart/chassis/auth/env";
import type { CallTokens, ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { readEnv } from "@sagacart/chassis/process/config";
import { createLog } from "@sagacart/chassis/process/log";
import type { Addresses } from "@sagacart/workflows/clients";
import { operatorTokens } from "../scripts/stack/tokens.ts";

/** The addresses that the bench passes to its child processes: those of the services and of Temporal. */
export type Surroundings = {
  readonly addresses: Addresses;
  /** Where the callers sign in. */
  readonly identity: string;
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
    identity: read("IDENTITY_ADDRESS"),
    temporal: { address: read("TEMPORAL_ADDRESS"), namespace: read("TEMPORAL_NAMESPACE") },
  };
}

export function surroundingsEnv({ addresses, identity, temporal }: Surroundings): Record<string, string> {
  return {
    ...addresses,
    IDENTITY_ADDRESS: identity,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  };
}

/** The worker's tokens, for the steps of a saga, from the variables of `stack.tokenEnv`. */
export function workerTokens(env: NodeJS.ProcessEnv): ServiceTokens | undefined {
  const { AUTH_AUDIENCE } = tokenEnv();
  const log = createLog({ service: "bench", level: "warn" });
  return serviceTokensOf(readEnv({ ...serviceTokenEnv(), AUTH_AUDIENCE }, env), log);
}

/** The tokens of the callers, who buy for many customers: those of the operator. */
export function callersTokens({ identity }: Surroundings): CallTokens {
  return operatorTokens({ identity });
}
