import type { Language } from "../i18n/language.tsx";

/** A way to pay, and a sentence on what it does. */
export type PaymentMethod = { readonly id: string; readonly label: string; readonly does: string };

/** The method of the customer's own account in this shop. */
export const balance = "";

/** The simulated card provider decides by the method's id; see services/payment/src/card-provider/fake/faults.ts. */
const tests: Readonly<Record<Language, readonly PaymentMethod[]>> = {
  en: [
    { id: "pm_ok", label: "Test card", does: "It is charged at once." },
    { id: "pm_declined", label: "Test card, declined", does: "The provider declines: the stock is released again." },
    { id: "pm_no_funds", label: "Test card, no money", does: "Declined, since there is not enough money on it." },
    { id: "pm_slow", label: "Test card, slow", does: "The answer takes a few seconds, and the order waits for it." },
    {
      id: "pm_lost_answer",
      label: "Test card, lost answer",
      does: "It is charged, but the answer is lost: the step asks again with the same key, and nobody pays twice.",
    },
    {
      id: "pm_twice",
      label: "Test card, duplicate webhook",
      does: "The webhook with the result comes twice; it counts once.",
    },
    { id: "pm_late", label: "Test card, late", does: "The result comes seconds later, by webhook." },
    { id: "pm_down", label: "Test card, provider down", does: "The provider fails three times before it charges." },
  ],
  de: [
    { id: "pm_ok", label: "Testkarte", does: "Sie wird sofort belastet." },
    { id: "pm_declined", label: "Testkarte, abgelehnt", does: "Der Anbieter lehnt ab: Die Ware wird wieder frei." },
    { id: "pm_no_funds", label: "Testkarte, kein Geld", does: "Abgelehnt, weil nicht genug Geld darauf ist." },
    {
      id: "pm_slow",
      label: "Testkarte, langsam",
      does: "Die Antwort dauert ein paar Sekunden; die Bestellung wartet.",
    },
    {
      id: "pm_lost_answer",
      label: "Testkarte, Antwort verloren",
      does: "Sie wird belastet, aber die Antwort geht verloren: Es wird mit demselben Schlüssel noch einmal gefragt.",
    },
    { id: "pm_twice", label: "Testkarte, doppelter Webhook", does: "Das Ergebnis kommt zweimal und zählt einmal." },
    { id: "pm_late", label: "Testkarte, spät", does: "Das Ergebnis kommt Sekunden später, per Webhook." },
    { id: "pm_down", label: "Testkarte, Anbieter gestört", does: "Der Anbieter fällt dreimal aus, bevor er belastet." },
  ],
};

const account: Readonly<Record<Language, PaymentMethod>> = {
  en: { id: balance, label: "My balance", does: "It is taken from your account in this shop." },
  de: { id: balance, label: "Mein Guthaben", does: "Es wird von Ihrem Konto in diesem Shop abgebucht." },
};

/** Returns the ways to pay here: test cards where the provider is simulated, and the balance of who is signed in. */
export function paymentMethods(options: {
  language: Language;
  isSimulated: boolean;
  hasBalance: boolean;
}): readonly PaymentMethod[] {
  const { language, isSimulated, hasBalance } = options;
  return [...(isSimulated ? tests[language] : []), ...(hasBalance ? [account[language]] : [])];
}

/** The ways to pay: methods that are known here, and whether any other may be named by its id. */
export type WaysToPay = { readonly methods: readonly PaymentMethod[]; readonly takesOthers: boolean };

/** Returns the method to begin with: the one that is known already if it can be chosen, else the first. */
export function initialMethod({ methods, takesOthers }: WaysToPay, known?: string): string {
  const canBeChosen = methods.some(({ id }) => id === known) || takesOthers;
  return known !== undefined && canBeChosen ? known : (methods[0]?.id ?? "");
}

/** Returns the label of a method, for an order that was paid with it. */
export function methodLabel(id: string, language: Language): string {
  const known = [...tests[language], account[language]];
  return known.find((method) => method.id === id)?.label ?? id;
}
