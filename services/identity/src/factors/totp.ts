import { Secret, TOTP } from "otpauth";

/** A code that was accepted: the number of its period since 1970. */
export type Step = bigint;

const periodS = 30;

/** Makes a secret for an authenticator app: 160 bits, as RFC 4226 recommends. */
export function makeTotpSecret(): Uint8Array {
  return new Secret({ size: 20 }).bytes;
}

/** Reads a secret in base32; undefined if it has fewer than 128 bits or is none. */
export function parseTotpSecret(base32: string): Uint8Array | undefined {
  if (!/^[A-Z2-7]{26,128}$/.test(base32)) {
    return undefined;
  }
  return Secret.fromBase32(base32).bytes;
}

/** Returns the secret as an app takes it: typed, or as a URI. SHA-1 is what all apps know, and is not weak as an HMAC. */
export function describeTotp(
  secret: Uint8Array,
  { issuer, label }: { issuer: string; label: string },
): { secret: string; uri: string } {
  const totp = totpOf(secret, { issuer, label });
  return { secret: totp.secret.base32, uri: totp.toString() };
}

/** Returns the period of a code; undefined if it is wrong. Clocks may be a period apart. */
export function stepOfCode(secret: Uint8Array, code: string, now: Date): Step | undefined {
  const timestamp = now.getTime();
  const delta = /^\d{6}$/.test(code) ? totpOf(secret, {}).validate({ token: code, timestamp, window: 1 }) : null;
  return delta === null ? undefined : BigInt(Math.floor(timestamp / 1000 / periodS) + delta);
}

function totpOf(secret: Uint8Array, names: { issuer?: string; label?: string }): TOTP {
  const bytes = new Uint8Array(secret);
  return new TOTP({
    ...names,
    algorithm: "SHA1",
    digits: 6,
    period: periodS,
    secret: new Secret({ buffer: bytes.buffer }),
  });
}
