import { createHash } from "node:crypto";

export type Language = "en" | "de";

/** The page's kind: a question with a button, a confirmation, or an error for an invalid link. */
export type Page =
  | { readonly kind: "question" | "done"; readonly language: Language; readonly eventType: string }
  | { readonly kind: "unknown" };

/**
 * Returns the page that a link in a mail opens, as HTML without scripts and external resources. Its form has no action, so
 * it posts to the page's own URL; nothing from the request is in the page.
 */
export function unsubscribePage(page: Page): string {
  const language = page.kind === "unknown" ? "en" : page.language;
  const { title, text, button } = page.kind === "unknown" ? unknown : words[language](page.eventType)[page.kind];
  const form = button === undefined ? "" : `\n<form method="post"><button>${button}</button></form>`;
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${text}</p>${form}
</main>
</body>
</html>
`;
}

const style =
  "body{font:1rem/1.5 sans-serif;background:#f5f7fa;color:#1f2933}" +
  "main{max-width:32rem;margin:4rem auto;padding:2rem;background:#fff}" +
  "button{font:inherit;padding:.5rem 1.5rem;color:#fff;background:#1f2933;border:0;cursor:pointer}";

/** Allows only this style, and a form that posts back: nothing that could be injected. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "object-src 'none'",
].join("; ");

type Words = { readonly title: string; readonly text: string; readonly button?: string };

const unknown: Words = {
  title: "This link does not work",
  text: "It is not one that we sent, or it is not whole. Open it from the mail once more, and mind that all of it is there.",
};

const words: Record<Language, (eventType: string) => Record<"question" | "done", Words>> = {
  en: (eventType) => ({
    question: {
      title: "Stop these messages?",
      text: `We will not send you mail about ${about.en[eventType] ?? "this"} any more.`,
      button: "Stop them",
    },
    done: {
      title: "Done",
      text: `We do not send you mail about ${about.en[eventType] ?? "this"} any more. You can turn it on again in your account.`,
    },
  }),
  de: (eventType) => ({
    question: {
      title: "Nachrichten abbestellen?",
      text: `Wir schicken Ihnen dann keine E-Mails mehr über ${about.de[eventType] ?? "dieses Thema"}.`,
      button: "Abbestellen",
    },
    done: {
      title: "Abbestellt",
      text: `Wir schicken Ihnen keine E-Mails mehr über ${about.de[eventType] ?? "dieses Thema"}. In Ihrem Konto können Sie das wieder ändern.`,
    },
  }),
};

const about: Record<Language, Readonly<Record<string, string>>> = {
  en: {
    "sagacart.order.rejected.v1": "orders that could not be placed",
    "sagacart.order.expired.v1": "orders that were not paid in time",
    "sagacart.order.awaiting_payment.v1": "orders that wait for your payment",
    "sagacart.order.paid.v1": "payments that we received",
    "sagacart.cart.expiring.v1": "carts that you left",
  },
  de: {
    "sagacart.order.rejected.v1": "Bestellungen, die nicht angenommen werden konnten",
    "sagacart.order.expired.v1": "Bestellungen, die nicht rechtzeitig bezahlt wurden",
    "sagacart.order.awaiting_payment.v1": "Bestellungen, die auf Ihre Zahlung warten",
    "sagacart.order.paid.v1": "eingegangene Zahlungen",
    "sagacart.cart.expiring.v1": "Warenkörbe, in denen noch etwas liegt",
  },
};
