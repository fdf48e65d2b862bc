import type { Language } from "../i18n/language.tsx";

/** The meaning of an order's outcome_reason to its customer. */
const sentences: Readonly<Record<Language, Readonly<Record<string, string>>>> = {
  en: {
    OUT_OF_STOCK: "Not everything was in stock.",
    PAYMENT_DECLINED: "The payment was declined.",
    CANCELLED_BY_CUSTOMER: "You cancelled it.",
    CANCELLED_BY_SHOP: "The shop cancelled it.",
    SHIPMENT_REFUSED: "The carrier does not ship to this address.",
    PAYMENT_OVERDUE: "It was not paid in time.",
    FAILED: "It could not be carried out.",
  },
  de: {
    OUT_OF_STOCK: "Nicht alles war auf Lager.",
    PAYMENT_DECLINED: "Die Zahlung wurde abgelehnt.",
    CANCELLED_BY_CUSTOMER: "Sie haben sie storniert.",
    CANCELLED_BY_SHOP: "Der Shop hat sie storniert.",
    SHIPMENT_REFUSED: "Der Paketdienst liefert nicht an diese Adresse.",
    PAYMENT_OVERDUE: "Sie wurde nicht rechtzeitig bezahlt.",
    FAILED: "Sie konnte nicht ausgeführt werden.",
  },
};

/** Returns a sentence for an outcome; the reason itself if it is a new one. */
export function outcomeText(reason: string, language: Language): string {
  return sentences[language][reason] ?? reason;
}
