import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** Makes the token that opens a guest's cart, and the hash to store: 256 random bits need no salt or slow hash. */
export function makeGuestToken(): { token: string; hash: Buffer } {
  const token = randomBytes(32).toString("base64url");
  return { token, hash: hashOf(token) };
}

/** Returns true if the token has this hash. Takes the same time for any token. */
export function matchesHash(token: string, hash: Buffer): boolean {
  return token !== "" && timingSafeEqual(hashOf(token), hash);
}

/**
 * The customer id of the orders of a guest's cart. It is derived from the hash of the token, so that only the token leads
 * to it, and nobody can sign in as this customer: ids of users are made by their issuer.
 */
export function guestCustomerId(tokenHash: Buffer): string {
  const derived = createHash("sha256").update("customer of guest ").update(tokenHash).digest("base64url");
  return `guest-${derived.slice(0, 32)}`;
}

/** The customer id of the orders that a guest's token opens. */
export function guestCustomerIdOf(token: string): string {
  return guestCustomerId(hashOf(token));
}

/** Returns true for an id that guestCustomerId makes. */
export function isGuestCustomerId(customerId: string): boolean {
  return /^guest-[A-Za-z0-9_-]{32}$/.test(customerId);
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
