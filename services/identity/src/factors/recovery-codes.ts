import { createHash, randomInt } from "node:crypto";

/** Without letters that are mistaken for digits (Crockford's base 32). */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const length = 24;

/** Makes ten recovery codes of 120 random bits, in groups of four characters. */
export function makeRecoveryCodes(): string[] {
  return Array.from({ length: 10 }, () => {
    const code = Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
    return code.replace(/.{4}(?=.)/g, "$&-");
  });
}

/** Hashes a code for the database. It has more than 112 random bits, so a fast hash is enough. */
export function hashRecoveryCode(code: string): Buffer {
  return createHash("sha256")
    .update(`recovery ${plainCode(code)}`)
    .digest();
}

/** Returns a code as it is compared: without spaces and hyphens, and in lower case. */
export function plainCode(code: string): string {
  return code.replace(/[\s-]/g, "").toLowerCase();
}

export function isRecoveryCode(plain: string): boolean {
  return plain.length === length;
}
