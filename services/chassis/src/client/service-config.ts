import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Level } from "@bufbuild/protobuf/wkt";

/** How calls are balanced and which are tried again, as gRPC's service config. */
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
    // When most calls fail, retries stop: they would only keep down what wants to get up.
    retryThrottling: { maxTokens: 100, tokenRatio: 0.1 },
  };
}

/** Doing it twice is doing it once: the contract says so. */
function isRepeatable(method: DescMethod): boolean {
  return method.idempotency === Level.IDEMPOTENT || method.idempotency === Level.NO_SIDE_EFFECTS;
}
