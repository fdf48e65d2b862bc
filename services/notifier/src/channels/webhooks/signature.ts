import { createHmac, randomBytes } from "node:crypto";

/** Creates a secret in the format of Standard Webhooks: "whsec_" and 32 random bytes in base64. */
export function newSecret(): string {
  return `${prefix}${randomBytes(32).toString("base64")}`;
}

/**
 * Returns the headers of Standard Webhooks (standardwebhooks.com): the delivery's id, the time, and a signature by each
 * secret, separated by spaces, so that receivers may know either secret during a rotation.
 *
 * The webhooks of payment and shipping providers are signed in another way: without an id, and in hex.
 */
export function signedHeaders(
  content: { readonly id: string; readonly body: string },
  secrets: readonly string[],
  time: Date,
): Record<string, string> {
  const seconds = String(Math.floor(time.getTime() / 1000));
  const signed = `${content.id}.${seconds}.${content.body}`;
  const signatures = secrets.map(
    (secret) => `v1,${createHmac("sha256", keyOf(secret)).update(signed).digest("base64")}`,
  );
  return { "webhook-id": content.id, "webhook-timestamp": seconds, "webhook-signature": signatures.join(" ") };
}

const prefix = "whsec_";

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice(prefix.length), "base64");
}
