import { Secret, TOTP } from "otpauth";

/** Returns the code of an authenticator app: 0 is the one of the present period, 1 the next one. */
export function totpCode(secret: string, { nowMs = Date.now(), period = 0 } = {}): string {
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: nowMs + period * 30_000 });
}
