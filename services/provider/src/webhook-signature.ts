import { createHmac, timingSafeEqual } from "node:crypto";

/** The header with the signature of an incoming webhook. */
export const signatureHeader = "sagacart-signature";

/**
 * Signs the bytes of a webhook's body as of a time. The header's value is
 * `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`, with one `v1` for each secret.
 *
 * This is the form of incoming webhooks, from the card provider and the carrier. Outgoing webhooks are signed by the
 * notifier in the form of Standard Webhooks.
 */
export function signWebhook(body: Uint8Array, secrets: string | readonly string[], time: Date): string {
  const seconds = Math.floor(time.getTime() / 1000);
  const signatures = [secrets].flat().map((secret) => `v1=${digest(String(seconds), body, secret).toString("hex")}`);
  return [`t=${seconds}`, ...signatures].join(",");
}

/**
 * Returns true if the header has a signature of this body with one of these secrets, made less than 5 minutes from `now`: an older
 * one may be a replay. A malformed header is a wrong signature, not an error.
 */
export function isWebhookSigned(body: Uint8Array, header: string, secrets: readonly string[], now: Date): boolean {
  const fields = header.split(",").map((field) => field.trim().split("="));
  const time = fields.find(([name]) => name === "t")?.[1] ?? "";
  if (!/^\d{1,12}$/.test(time) || Math.abs(now.getTime() / 1000 - Number(time)) > toleranceSeconds) {
    return false;
  }
  const expected = secrets.map((secret) => digest(time, body, secret));
  // There may be several of either: while a secret is rotated, the sender signs with both or the receiver accepts both.
  return fields.some(([name, value]) => {
    const given =
      name === "v1" && value !== undefined && /^[0-9a-f]{64}$/.test(value) ? Buffer.from(value, "hex") : empty;
    return expected.some((one) => given.length === one.length && timingSafeEqual(given, one));
  });
}

const toleranceSeconds = 300;
const empty = Buffer.alloc(0);

function digest(time: string, body: Uint8Array, secret: string): Buffer {
  return createHmac("sha256", secret).update(`${time}.`).update(body).digest();
}
