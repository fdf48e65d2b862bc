import { createHmac, timingSafeEqual } from "node:crypto";

/** The header that carries the signature of a webhook that comes in. */
export const signatureHeader = "sagacart-signature";

/**
 * Signs a webhook's body, to the byte, as of a time. The header's value is
 * `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`.
 *
 * For webhooks that come in, and their senders: the card provider and the carrier. What goes out to endpoints of
 * others is signed in the form that they know, Standard Webhooks: the notifier does that.
 */
export function signWebhook(body: Uint8Array, secret: string, time: Date): string {
  const seconds = Math.floor(time.getTime() / 1000);
  return `t=${seconds},v1=${digest(String(seconds), body, secret).toString("hex")}`;
}

/**
 * Whether somebody who knows the secret signed just this body, less than 5 minutes from `now`: what is older may be
 * a recording that somebody plays again. A header that is no signature is a wrong one; nothing throws.
 */
export function isWebhookSigned(body: Uint8Array, header: string, secret: string, now: Date): boolean {
  const fields = header.split(",").map((field) => field.trim().split("="));
  const time = fields.find(([name]) => name === "t")?.[1] ?? "";
  if (!/^\d{1,12}$/.test(time) || Math.abs(now.getTime() / 1000 - Number(time)) > toleranceSeconds) {
    return false;
  }
  const expected = digest(time, body, secret);
  // While a secret is being changed a sender signs with both, so there may be several.
  return fields.some(([name, value]) => {
    const given =
      name === "v1" && value !== undefined && /^[0-9a-f]{64}$/.test(value) ? Buffer.from(value, "hex") : empty;
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

const toleranceSeconds = 300;
const empty = Buffer.alloc(0);

function digest(time: string, body: Uint8Array, secret: string): Buffer {
  return createHmac("sha256", secret).update(`${time}.`).update(body).digest();
}
