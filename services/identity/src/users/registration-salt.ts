import { createHmac } from "node:crypto";
import { DomainError } from "@sagacart/chassis/errors";

/**
 * Runs a registration with the salt of its request id, so that a repeat with the same password has the same hash; with none
 * if it has no request id. While the secret of the keys is changed, the first request may have had the salt of another key:
 * a request id that counts as used with other content is tried with each key.
 */
export async function withSalt<T>(
  keys: readonly [Buffer, ...Buffer[]],
  requestId: string,
  register: (salt: Buffer | undefined) => Promise<T>,
): Promise<T> {
  if (requestId === "") {
    return await register(undefined);
  }
  const [first, ...others] = keys;
  try {
    return await register(saltOf(first, requestId));
  } catch (error) {
    for (const key of isReused(error) ? others : []) {
      try {
        return await register(saltOf(key, requestId));
      } catch (again) {
        if (!isReused(again)) {
          throw again;
        }
      }
    }
    throw error;
  }
}

// Callers choose request ids, so the salt must not be theirs to know.
function saltOf(key: Buffer, requestId: string): Buffer {
  return createHmac("sha256", key).update(requestId).digest().subarray(0, 16);
}

function isReused(error: unknown): boolean {
  return error instanceof DomainError && error.reason === "REQUEST_ID_REUSED";
}
