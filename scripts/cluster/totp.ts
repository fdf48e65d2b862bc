import { createHmac } from "node:crypto";

/** How long a code of an authenticator app is shown. */
export const totpPeriodMs = 30_000;

/**
 * Returns the code that an authenticator app with this secret (base32) shows (TOTP, RFC 6238: SHA-1, 30 s, six digits). The
 * tools image has no package for it.
 */
export function totpCode(secret: string, nowMs: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(nowMs / totpPeriodMs)));
  const hmac = createHmac("sha1", fromBase32(secret)).update(counter).digest();
  const offset = (hmac.at(-1) ?? 0) & 0xf;
  const number = (hmac.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000;
  return `${number}`.padStart(6, "0");
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function fromBase32(text: string): Buffer {
  const bits = [...text].map((letter) => {
    const value = alphabet.indexOf(letter);
    if (value < 0) {
      throw new Error("the secret of an authenticator app must be base32: A to Z and 2 to 7");
    }
    return value.toString(2).padStart(5, "0");
  });
  return Buffer.from((bits.join("").match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
