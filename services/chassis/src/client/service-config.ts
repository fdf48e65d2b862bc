import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Level } from "@bufbuild/protobuf/wkt";

/** Returns gRPC's service config: load balancing, and retries for methods that may be repeated. */
export function serviceConfig(services: Iterable<DescService>): object {
  const repeatable = [...services].flatMap(({ methods }) => methods.filter(isRepeatable));
  return {
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: [
      {
        name: repeatable.map((method) => ({ service: method.parent.typeName, method: method.name })),
        retryPolicy: {
          maxAttempts: 4,
          initialBackoff: "0.05s",
          maxBackoff: "1s",
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
