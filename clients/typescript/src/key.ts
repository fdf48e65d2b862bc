/** Returns a new idempotency key. Not by randomUUID, which browsers have only on HTTPS and on localhost. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
