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

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
