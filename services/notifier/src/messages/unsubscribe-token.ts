import { createHmac, timingSafeEqual } from "node:crypto";
import { isLanguage, type Language } from "./kind.ts";

/** What an unsubscribe link turns off, and the language of the mail it was in. */
export type Unsubscription = {
  readonly customerId: string;
  readonly eventType: string;
  readonly language: Language;
};

/**
 * Signs a link, so that who has the mail may turn it off without a sign-in, and nobody else. Links do not run out: a
 * mail is read whenever it is. `secrets` is the one to sign with, and then those of before that still hold.
 */
export function signUnsubscription(
  { customerId, eventType, language }: Unsubscription,
  secrets: readonly string[],
): string {
  const content = Buffer.from(JSON.stringify([customerId, eventType, language])).toString("base64url");
  return `${content}.${digest(content, secrets[0] ?? "").toString("base64url")}`;
}

/** What a token was signed for; undefined where it was not signed with any of the secrets. */
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
  // What we signed is what we wrote.
  const parts: [string, string, string] = JSON.parse(Buffer.from(content, "base64url").toString());
  const [customerId, eventType, language] = parts;
  return isLanguage(language) ? { customerId, eventType, language } : undefined;
}

function digest(content: string, secret: string): Buffer {
  // What the signature is for is part of it, should the secret ever sign something else as well.
  return createHmac("sha256", secret).update(`unsubscribe ${content}`).digest();
}
