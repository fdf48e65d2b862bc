import { createHmac, timingSafeEqual } from "node:crypto";
import { isLanguage, type Language } from "./kind.ts";

/** The preference that an unsubscribe link turns off, and the language of its mail. */
export type Unsubscription = {
  readonly customerId: string;
  readonly eventType: string;
  readonly language: Language;
};

/**
 * Signs an unsubscribe link, which lets the mail's recipient unsubscribe without a sign-in. Links do not expire, because
 * mails may be read at any time. The first secret signs; former ones remain valid.
 */
export function signUnsubscription(
  { customerId, eventType, language }: Unsubscription,
  secrets: readonly string[],
): string {
  const content = Buffer.from(JSON.stringify([customerId, eventType, language])).toString("base64url");
  return `${content}.${digest(content, secrets[0] ?? "").toString("base64url")}`;
}

/** Verifies a token. Returns undefined if none of the secrets signed it. */
export function readUnsubscription(token: string, secrets: readonly string[]): Unsubscription | undefined {
  const [content = "", signature = "", ...more] = token.split(".");
  const given = Buffer.from(signature, "base64url");
  const isSigned = secrets.some((secret) => {
    const expected = digest(content, secret);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  if (!isSigned || more.length > 0) {
    return undefined;
  }
  // The signature is ours, so the content has this shape.
  const parts: [string, string, string] = JSON.parse(Buffer.from(content, "base64url").toString());
  const [customerId, eventType, language] = parts;
  return isLanguage(language) ? { customerId, eventType, language } : undefined;
}

function digest(content: string, secret: string): Buffer {
  // Sign the purpose, too, in case the secret ever signs something else.
  return createHmac("sha256", secret).update(`unsubscribe ${content}`).digest();
}
