import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Level } from "@bufbuild/protobuf/wkt";

/** How calls that may be repeated are retried while the service is UNAVAILABLE. */
export type RetryPolicy = {
  /** The first attempt included; gRPC allows 5 at most. */
  readonly maxAttempts: number;
  /** The pause before the first retry; it triples with each, up to maxBackoffMs. */
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
};

const usualRetries: RetryPolicy = { maxAttempts: 4, initialBackoffMs: 50, maxBackoffMs: 1_000 };

/** Returns gRPC's service config: load balancing, and retries for methods that may be repeated. */
export function serviceConfig(services: Iterable<DescService>, retries: RetryPolicy = usualRetries): object {
  const repeatable = [...services].flatMap(({ methods }) => methods.filter(isRepeatable));
  return {
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: [
      {
        name: repeatable.map((method) => ({ service: method.parent.typeName, method: method.name })),
        retryPolicy: {
          maxAttempts: retries.maxAttempts,
          initialBackoff: `${retries.initialBackoffMs / 1_000}s`,
          maxBackoff: `${retries.maxBackoffMs / 1_000}s`,
          backoffMultiplier: 3,
          retryableStatusCodes: ["UNAVAILABLE"],
        },
      },
    ],
    // When most calls fail, retries stop: they would keep an overloaded server from recovering.
    retryThrottling: { maxTokens: 100, tokenRatio: 0.1 },
  };
}

/** Returns true if the contract says that a repeated call has no further effect. */
function isRepeatable(method: DescMethod): boolean {
  return method.idempotency === Level.IDEMPOTENT || method.idempotency === Level.NO_SIDE_EFFECTS;
}
