import type { Language } from "../i18n/language.tsx";

/** The reasons for which card providers, and the ledger for a balance, decline. */
const words: Readonly<Record<Language, Readonly<Record<string, string>>>> = {
  en: {
    card_declined: "the card was declined",
    insufficient_funds: "there is not enough money",
    unknown_payment_method: "the card provider does not know this payment method",
    undeliverable_address: "the address cannot be delivered to",
  },
  de: {
    card_declined: "die Karte wurde abgelehnt",
    insufficient_funds: "das Geld reicht nicht",
    unknown_payment_method: "der Zahlungsdienst kennt diese Zahlungsart nicht",
    undeliverable_address: "an die Adresse kann nicht geliefert werden",
  },
};

/** Returns words for a provider's reason; its own code if it is another one. */
export function declineText(reason: string, language: Language): string {
  return words[language][reason] ?? reason;
}
