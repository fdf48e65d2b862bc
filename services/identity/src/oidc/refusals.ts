import { Code, ConnectError } from "@connectrpc/connect";
import { DomainError, errorInfo } from "@sagacart/chassis/errors";
import type { Language, Texts } from "./language.ts";
import type { FormError } from "./page.ts";

/** A refusal of the services' rules, as a page shows it. */
export type Refusal = FormError & { readonly status: number; readonly retryAfterSeconds: number | undefined };

/** The fields of forms, by name. The token of a link is in the form, but nobody types it. */
type Asked = "username" | "email" | "password" | "token";

type RefusalTexts = {
  readonly byReason: Readonly<Record<string, (metadata: Readonly<Record<string, string>>) => string>>;
  readonly wrong: Readonly<Record<Asked, string>>;
  readonly tooMany: (seconds: number) => string;
  readonly later: string;
};

const password: Texts<string> = {
  en: "A password has 8 to 128 characters, and none of them is NUL.",
  de: "Ein Passwort hat 8 bis 128 Zeichen, und keines davon ist NUL.",
};
const token: Texts<string> = {
  en: "This link is not valid: it is unknown, has expired or was used before. Ask for a new mail.",
  de: "Dieser Link gilt nicht: Er ist unbekannt, abgelaufen oder schon benutzt. Fordern Sie eine neue Mail an.",
};

const texts: Texts<RefusalTexts> = {
  en: {
    byReason: {
      BAD_CREDENTIALS: () => "The user name or the password is wrong.",
      BAD_EMAIL_TOKEN: () => token.en,
      BAD_PASSKEY: () => "The passkey was not accepted. Try again, or sign in in another way.",
      BAD_RESET_TOKEN: () => token.en,
      BAD_SECOND_FACTOR: () => "The code is wrong, or was used before. Wait for the next one.",
      BAD_SIGN_IN_TOKEN: () => "This took too long. Sign in again.",
      EMAIL_NOT_VERIFIED: () => "Confirm your e-mail address first: see the mail that was sent to it.",
      PASSWORD_BREACHED: () =>
        "This password is known from a breach of another site, so attackers try it. Choose another one.",
      PASSWORD_TOO_COMMON: () => "This password is among the first that attackers guess. Choose another one.",
      PASSWORD_TOO_OBVIOUS: ({ words }) =>
        `This password is mostly made of words that are guessed for this shop: ${words}. Choose another one.`,
      PASSWORD_TOO_SHORT: ({ min_length: least }) => `The password must have at least ${least} characters.`,
      REQUEST_ID_REUSED: () => "This form was sent before, with other content. Send it again.",
      USERNAME_TAKEN: () => "This name is taken. Choose another one, or sign in if it is yours.",
    },
    wrong: {
      username: "A name has 3 to 50 letters without accents, digits, or any of _ . + -",
      email: "This is not an e-mail address that mail can be sent to.",
      password: password.en,
      token: token.en,
    },
    tooMany: (seconds) => `Too many attempts; try again in ${seconds} s.`,
    later: "This is not possible at the moment. Try again.",
  },
  de: {
    byReason: {
      BAD_CREDENTIALS: () => "Der Benutzername oder das Passwort ist falsch.",
      BAD_EMAIL_TOKEN: () => token.de,
      BAD_PASSKEY: () =>
        "Der Passkey wurde nicht angenommen. Versuchen Sie es noch einmal oder melden Sie sich anders an.",
      BAD_RESET_TOKEN: () => token.de,
      BAD_SECOND_FACTOR: () => "Der Code ist falsch oder schon benutzt. Warten Sie auf den nächsten.",
      BAD_SIGN_IN_TOKEN: () => "Das hat zu lange gedauert. Melden Sie sich noch einmal an.",
      EMAIL_NOT_VERIFIED: () =>
        "Bestätigen Sie zuerst Ihre E-Mail-Adresse: siehe die Mail, die dorthin geschickt wurde.",
      PASSWORD_BREACHED: () =>
        "Dieses Passwort wurde auf einer anderen Seite gestohlen; Angreifer probieren es aus. Wählen Sie ein anderes.",
      PASSWORD_TOO_COMMON: () => "Dieses Passwort raten Angreifer als eines der ersten. Wählen Sie ein anderes.",
      PASSWORD_TOO_OBVIOUS: ({ words }) =>
        `Dieses Passwort besteht vor allem aus Wörtern, die für diesen Shop geraten werden: ${words}. Wählen Sie ein anderes.`,
      PASSWORD_TOO_SHORT: ({ min_length: least }) => `Das Passwort muss mindestens ${least} Zeichen haben.`,
      REQUEST_ID_REUSED: () => "Dieses Formular wurde schon mit anderem Inhalt gesendet. Senden Sie es noch einmal.",
      USERNAME_TAKEN: () =>
        "Dieser Name ist vergeben. Wählen Sie einen anderen, oder melden Sie sich an, wenn es Ihrer ist.",
    },
    wrong: {
      username: "Ein Name hat 3 bis 50 Buchstaben ohne Akzente, Ziffern oder eines von _ . + -",
      email: "An diese E-Mail-Adresse lässt sich keine Mail schicken.",
      password: password.de,
      token: token.de,
    },
    tooMany: (seconds) => `Zu viele Versuche. Versuchen Sie es in ${seconds} s noch einmal.`,
    later: "Das ist gerade nicht möglich. Versuchen Sie es noch einmal.",
  },
};

/** Returns how a page shows an expected failure. Throws all others, which are ours. */
export function refusalOf(error: unknown, language: Language): Refusal {
  const { byReason, wrong, tooMany, later } = texts[language];
  const { code, reason, metadata, violations } = errorInfo(error);
  const isExpected = error instanceof DomainError || (error instanceof ConnectError && code === Code.InvalidArgument);
  if (!isExpected) {
    throw error;
  }
  if (code === Code.ResourceExhausted && error instanceof DomainError) {
    const seconds = Math.ceil(error.retryAfterMs / 1000);
    return { reason, field: "", text: tooMany(seconds), status: 429, retryAfterSeconds: seconds };
  }
  const shown = { reason, retryAfterSeconds: undefined, status: badLinks.has(reason) ? 400 : statusOf(code) };
  const [violation] = violations;
  if (violation !== undefined) {
    const asked = askedBy[violation.field];
    return asked === undefined
      ? { ...shown, reason: violation.ruleId, field: "", text: later }
      : { ...shown, reason: violation.ruleId, field: asked === "token" ? "" : asked, text: wrong[asked] };
  }
  const sentence = byReason[reason];
  return sentence === undefined
    ? { ...shown, field: "", text: later, status: 503 }
    : { ...shown, field: fieldOfReason(reason), text: sentence(metadata) };
}

/** The fields of requests. */
const askedBy: Readonly<Record<string, Asked>> = {
  username: "username",
  email: "email",
  password: "password",
  new_password: "password",
  token: "token",
};

/** Nobody is asked to sign in for these: 401 would say so. */
const badLinks: ReadonlySet<string> = new Set(["BAD_EMAIL_TOKEN", "BAD_RESET_TOKEN"]);

function statusOf(code: Code): number {
  switch (code) {
    case Code.InvalidArgument:
      return 400;
    case Code.Unauthenticated:
      return 401;
    case Code.FailedPrecondition:
      return 403;
    case Code.AlreadyExists:
      return 409;
    default:
      return 503;
  }
}

function fieldOfReason(reason: string): string {
  if (reason.startsWith("PASSWORD_")) {
    return "password";
  }
  return reason === "USERNAME_TAKEN" ? "username" : "";
}
