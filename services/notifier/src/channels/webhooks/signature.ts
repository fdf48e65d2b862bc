import { createHmac, randomBytes } from "node:crypto";

/** A new secret, as Standard Webhooks writes them: "whsec_" and the base64 of 32 random bytes. */
export function newSecret(): string {
  return `${prefix}${randomBytes(32).toString("base64")}`;
}

/**
 * The headers that say which delivery it is, when it was sent, and that it is ours (standardwebhooks.com). There is a
 * signature for each secret, with a space between: while one is replaced, the receiver may know either.
 *
 * Not the signature of chassis, which is that of the providers' webhooks: it signs no id, and in hex.
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
