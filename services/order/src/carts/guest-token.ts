import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** What opens a guest's cart, and what is stored of it. It is 256 random bits, so a plain hash cannot be guessed back. */
export function makeGuestToken(): { token: string; hash: Buffer } {
  const token = randomBytes(32).toString("base64url");
  return { token, hash: hashOf(token) };
}

/** Whether a token is the one with this hash. */
export function opens(token: string, hash: Buffer): boolean {
  return token !== "" && timingSafeEqual(hashOf(token), hash);
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
